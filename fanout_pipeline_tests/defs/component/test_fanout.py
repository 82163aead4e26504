"""A fan-out in YAML is the asset that the same words make in code."""

import traceback

import dagster as dg
import pytest
from dagster.components.testing import create_defs_folder_sandbox

from fanout_pipeline import Csv, Fanout, Files, Options, Parquet, Sql, Upstream
from fanout_pipeline.defs.guest.asset import fanout_of
from fanout_pipeline_tests.defs.guest import functions

# Dagster's own, where it reads YAML.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        "ignore:`parse_obj_as` is deprecated", "ignore::dagster.BetaWarning"
    ),
]

SCORED = {
    "name": "scored",
    "function": f"{functions.__name__}.points",
    "over": {"parquet": {"path": "raw/orders.parquet", "columns": ["amount"]}},
}


@pytest.fixture
def loaded():
    """Load the fan-out that these attributes describe: its asset, and what it fans out."""

    def load(**attributes):
        with create_defs_folder_sandbox() as sandbox:
            path = sandbox.scaffold_component(
                component_cls=Fanout,
                defs_yaml_contents={"type": "fanout_pipeline.Fanout", "attributes": attributes},
            )
            with sandbox.load_component_and_build_defs(defs_path=path) as (_, defs):
                (asset,) = defs.assets
                return asset, fanout_of(asset)

    return load


@pytest.mark.parametrize(
    ("over", "source"),
    [
        (SCORED["over"], Parquet("raw/orders.parquet", columns=["amount"])),
        ({"files": {"path": "in/*.json", "recursive": True}}, Files("in/*.json", recursive=True)),
        ({"csv": {"path": "a.csv", "types": {"n": "int"}}}, Csv("a.csv", types={"n": int})),
        (
            {"sql": {"query": "select 1", "connection": "env:DB"}},
            Sql("select 1", connection="env:DB"),
        ),
        ({"upstream": {"asset": "raw/orders"}}, Upstream("raw/orders")),
    ],
)
def test_sources(loaded, over, source):
    """Each source can be named, with its fields."""
    assert loaded(**SCORED | {"over": over})[1].over == source


def test_everything_that_is_said(loaded, monkeypatch):
    """Options, functions, and what is said of any asset reach it; templates are filled in."""
    monkeypatch.setenv("FANOUT_TEST_RETRIES", "3")
    asset, guest = loaded(
        **SCORED
        | {
            "over": {"files": {"path": "in/{partition}/*.json"}},
            "function": f"{functions.__name__}.signed",
        },
        setup=f"{functions.__name__}.with_api",
        resources=["api"],
        key="path",
        duplicates="once",
        removed="keep",
        keep=["size"],
        options={"strategy": "threads", "retries": "{{ env.FANOUT_TEST_RETRIES }}", "workers": 2},
        asset={
            "group_name": "ours",
            "tags": {"tier": "gold"},
            "owners": ["team:data"],
            "kinds": ["duckdb"],
            "partitions_def": {"type": "static", "partition_keys": ["a", "b"]},
        },
        op={"pool": "api", "backfill_policy": {"type": "single_run"}},
    )
    (spec,) = asset.specs
    assert (spec.key, spec.group_name, spec.kinds) == (dg.AssetKey("scored"), "ours", {"duckdb"})
    assert spec.owners == ["team:data"]
    assert spec.tags["tier"] == "gold"
    assert asset.backfill_policy == dg.BackfillPolicy.single_run()
    assert asset.op.pool == "api"
    assert guest.options == Options(strategy="threads", retries=3, workers=2)
    assert guest.spec.function is functions.signed
    assert guest.spec.setup is functions.with_api
    assert guest.spec.keep == ("path", "size")
    assert (guest.spec.key, guest.spec.duplicates) == ("path", "once")
    assert asset.op.config_schema.config_type.fields["removed"].default_value == "keep"


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"function": "no_such_module.score"}, "'no_such_module.score' cannot be imported"),
        ({"function": f"{functions.__name__}.point"}, "has no attribute 'point'"),
        ({"over": {"parquet": {"path": "a"}, "files": {"path": "b"}}}, "names exactly one of"),
        ({"options": {"retries": 1000}}, "less than or equal to 100"),
        ({"options": {"retrys": 1}}, "retrys"),
        ({"duplicates": "first", "key": "id"}, "duplicates"),
        ({"failed_share": 2}, "failed_share is a share, from 0 to 1, not 2"),
    ],
)
def test_errors(loaded, attributes, message):
    """What is wrong is named when the definitions are loaded."""
    with pytest.raises(Exception, match=r"Error while (loading|building)") as caught:
        loaded(**SCORED | attributes)
    assert message in "".join(traceback.format_exception(caught.value))
