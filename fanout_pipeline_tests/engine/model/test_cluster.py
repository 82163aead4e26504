"""Where a cluster is, and what is refused of it."""

import pytest

from fanout_pipeline import Cluster, Options


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"address": " "}, "tcp://host:port"),
        ({"workers_at_least": 0}, "workers_at_least must be at least 1"),
        ({"workers_at_least": "2"}, "workers_at_least must be a number"),
        ({"wait_seconds": 0}, "wait_seconds must be more than 0"),
        ({"resources": {"GPU": 0}}, r"resources\['GPU'\] must be more than 0"),
    ],
)
def test_what_cannot_be_is_refused_where_it_is_said(how, why):
    """A cluster that cannot work is an error before anything runs, which names the field."""
    with pytest.raises((ValueError, TypeError), match=why):
        Cluster(**how)


def test_an_address_stands_for_a_cluster():
    """`cluster=` takes an address or a Cluster, and both mean the same."""
    assert Cluster.of("tcp://a:1") == Cluster("tcp://a:1") == Cluster.of(Cluster("tcp://a:1"))
    assert Options(cluster="tcp://a:1").cluster == "tcp://a:1"
