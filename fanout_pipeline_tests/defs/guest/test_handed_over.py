"""Results that go on to the project's own IO manager."""

import dagster as dg
import duckdb
import polars as pl
import pyarrow as pa
import pytest

from fanout_pipeline import IntegerLines, fanout_asset
from fanout_pipeline_tests.defs.guest.functions import points

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::dagster.BetaWarning")]

KEYS = dg.StaticPartitionsDefinition(["001", "002", "003"])


class Warehouse(dg.ConfigurableIOManager):
    """A table of DuckDB for each asset, in which a partition's rows replace those that it had."""

    path: str

    def handle_output(self, context, obj):
        if isinstance(obj, pl.LazyFrame):
            obj = obj.collect()
        table = context.asset_key.path[-1]
        with duckdb.connect(self.path) as database:
            database.register("given", obj)
            if not context.has_asset_partitions:
                database.execute(f"CREATE OR REPLACE TABLE {table} AS FROM given")
                return
            database.execute(f"CREATE TABLE IF NOT EXISTS {table} AS FROM given LIMIT 0")
            keys = list(context.asset_partition_keys)
            database.execute(f"DELETE FROM {table} WHERE partition IN (SELECT unnest(?))", [keys])
            database.execute(f"INSERT INTO {table} FROM given")

    def load_input(self, context):
        with duckdb.connect(self.path) as database:
            return database.execute(f"FROM {context.asset_key.path[-1]}").df()


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Materialize an asset, and give what an asset downstream of it is given."""
    monkeypatch.setenv("FANOUT_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    for name in ("numbers", *KEYS.get_partition_keys()):
        (tmp_path / "data" / f"{name}.txt").write_text("1\n20\n")
    managers = {
        "warehouse": Warehouse(path=str(tmp_path / "warehouse.duckdb")),
        "pickles": dg.FilesystemIOManager(base_dir=str(tmp_path / "pickles")),
    }
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:

        def run(io_manager_key, over="numbers.txt", tags=None, **how):
            scored = fanout_asset(
                points,
                name="scored",
                over=IntegerLines(over),
                strategy="serial",
                io_manager_key=io_manager_key,
                **how,
            )
            given = []

            @dg.asset
            def report(scored) -> None:
                given.append(scored)

            both = {"resources": managers, "instance": instance}
            dg.materialize([scored], tags=tags, **both)
            dg.materialize([scored, report], selection=[report], **both)
            return given[0]

        yield run


ROWS = {"index": [0, 1], "points": [2, 40], "big": [False, True]}


@pytest.mark.parametrize("wanted", [None, pl.LazyFrame, pa.RecordBatchReader])
def test_a_warehouse_has_the_results(run, wanted):
    """They are given to the IO manager as the type that `dagster_type` says, by default as a pandas DataFrame."""
    found = run("warehouse", **({} if wanted is None else {"dagster_type": wanted}))
    assert found.to_dict("list") == ROWS


def test_pickles_have_the_results(run):
    """Dagster's own IO manager pickles any type that holds the rows."""
    assert run("pickles").to_dict("list") == ROWS
    assert run("pickles", dagster_type=pa.Table).to_pydict() == ROWS


def test_partitions_of_one_run_are_given_at_once(run):
    """One table has all that the run has worked through, and the IO manager finds the partition in a column."""
    tags = {
        "dagster/asset_partition_range_start": "002",
        "dagster/asset_partition_range_end": "003",
    }
    found = run(
        "warehouse",
        "{partition}.txt",
        tags,
        partitions_def=KEYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    expected = {name: 2 * column for name, column in ROWS.items()}
    assert found.to_dict("list") == {"partition": ["002"] * 2 + ["003"] * 2, **expected}


def test_a_type_that_results_do_not_have_is_refused(run):
    """The error says which there are, before anything is called."""
    with pytest.raises(
        TypeError, match=r"cannot be handed over as int: name one of pandas\.DataFrame"
    ):
        run("warehouse", dagster_type=int)
