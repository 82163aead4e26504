"""Downstream assets are out of date where something has changed that they can see, and nowhere else."""

import dagster as dg
import pandas
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from fanout_pipeline import Options, Parquet, fanout_asset
from fanout_pipeline_tests.defs.guest.functions import fails_on_seven

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::dagster.BetaWarning")]

DAYS = dg.StaticPartitionsDefinition(["001", "002"])
ROWS = {"id": ["a", "b", "c", "d"], "number": [1, 7, 3, 4], "note": ["x", "y", "z", "y"]}


@dg.asset(deps=["scored"])
def report() -> None:
    """Is downstream."""


@dg.asset(deps=["scored"], partitions_def=DAYS)
def daily_report() -> None:
    """Is downstream, a partition each."""


@pytest.mark.parametrize(("keyed", "partitioned"), [(False, False), (True, True)])
def test_what_is_downstream_is_out_of_date_only_when_something_has_changed(
    tmp_path, monkeypatch, keyed, partitioned
):
    """Not after a run that gave the same from another cut; but for a result, a kept column or a failed item."""
    monkeypatch.setenv("FANOUT_DATA", str(tmp_path))
    says = {"key": "id"} if keyed else {"keep": ["id"]}
    says["keep"] = ["id", "note"]
    days = {"partitions_def": DAYS, "backfill_policy": dg.BackfillPolicy.single_run()}
    options = Options(on_error="quarantine", strategy="threads")
    over = Parquet("{partition}.parquet" if partitioned else "orders.parquet", columns=["number"])
    scored = fanout_asset(
        fails_on_seven,
        name="scored",
        over=over,
        unpack=False,
        options=options,
        **says,
        **days if partitioned else {},
    )
    downstream = daily_report if partitioned else report
    graph = dg.Definitions(assets=[scored, downstream]).resolve_asset_graph()
    range_ = {
        "dagster/asset_partition_range_start": "001",
        "dagster/asset_partition_range_end": "002",
    }

    def written(**columns):
        for name in ("orders", "001", "002"):
            pandas.DataFrame(ROWS | columns).to_parquet(tmp_path / f"{name}.parquet")

    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path / "dagster")) as instance:
        (tmp_path / "dagster").mkdir(exist_ok=True)

        def run(asset, **config):
            how = {"run_config": {"ops": {"scored": {"config": config}}}} if config else {}
            if partitioned and asset is scored:
                how["tags"] = range_
            for key in ["001", "002"] if partitioned and asset is not scored else [None]:
                dg.materialize(
                    [scored, downstream],
                    selection=[asset],
                    instance=instance,
                    partition_key=key,
                    **how,
                )

        def stale():
            context = LoadingContextForTest(instance)
            resolver = CachingStaleStatusResolver(instance, graph, context)
            keys = ["001", "002"] if partitioned else [None]
            return {resolver.get_status(downstream.key, key).value for key in keys}

        def went_out_of_date(**config):
            run(scored, **config)
            found = stale()
            assert len(found) == 1
            run(downstream)
            assert stale() == {"FRESH"}
            return found == {"STALE"}

        written()
        run(scored)
        run(downstream)
        assert stale() == {"FRESH"}
        assert not went_out_of_date()
        assert not went_out_of_date(strategy="serial", chunks=3)
        written(unread=[1, 2, 3, 4])
        assert not went_out_of_date()
        written(note=["x", "y", "z", "z"])
        assert went_out_of_date()
        written(number=[1, 7, 3, 5])
        assert went_out_of_date()
        written(number=[7, 1, 3, 5])
        assert went_out_of_date()
