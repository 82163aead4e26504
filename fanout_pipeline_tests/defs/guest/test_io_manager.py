"""What an asset downstream of a fan-out is given."""

import re
from typing import Any

import dagster as dg
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest

from fanout_pipeline import (
    FanoutIOManager,
    IntegerLines,
    NoResults,
    Options,
    Results,
    Upstream,
    fanout_asset,
    read_results,
    write_results,
)
from fanout_pipeline.results.files.place import place
from fanout_pipeline_tests.defs.guest.functions import doubled, fails_on_seven, points

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::dagster.BetaWarning")]

KEYS = dg.StaticPartitionsDefinition(["010", "002", "c/d"])
EVEN = [2 * number for number in range(10)]
EVERY_TYPE = [
    pd.DataFrame,
    pl.DataFrame,
    pl.LazyFrame,
    pa.Table,
    pyarrow.dataset.Dataset,
    pa.RecordBatchReader,
    Results,
]


@pytest.fixture
def instance(tmp_path, monkeypatch):
    """An instance of Dagster whose data root has the numbers below 10."""
    monkeypatch.setenv("FANOUT_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "numbers.txt").write_text("".join(f"{n}\n" for n in range(10)))
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        yield instance


def fanned_out(function, name="scored", **how):
    numbers = IntegerLines("numbers.txt")
    over = (lambda key: numbers) if "partitions_def" in how else numbers
    return fanout_asset(function, name=name, over=over, strategy="serial", **how)


def materialize(instance, *assets, only=None, key=None):
    """Materialize the assets, or only one of them."""
    selection = None if only is None else [only]
    dg.materialize([*assets], instance=instance, partition_key=key, selection=selection)


def given_to(instance, scored, annotation=None, key=None, **asset_in):
    """What a downstream asset is given, which is materialized alone."""
    given = []

    def report(scored):
        given.append(scored)

    report.__annotations__ = {"return": None}
    if annotation is not None:
        report.__annotations__["scored"] = annotation
    ins = {"scored": dg.AssetIn(**asset_in)} if asset_in else None
    report = dg.asset(ins=ins, partitions_def=key and KEYS)(report)
    materialize(instance, scored, report, only=report, key=key)
    return given[0]


def rows_of(value):
    """What any of the types holds, as dicts of columns."""
    if isinstance(value, pl.LazyFrame):
        value = value.collect()
    if isinstance(value, pl.DataFrame):
        return value.to_dict(as_series=False)
    if isinstance(value, pyarrow.dataset.Dataset):
        value = value.to_table()
    if isinstance(value, pa.RecordBatchReader):
        value = value.read_all()
    return value.to_pydict() if isinstance(value, pa.Table) else value.to_dict("list")


def test_the_annotation_says_what_is_given(instance, tmp_path):
    """Each type of table has the same columns; without an annotation, and for Any, it is pandas'."""
    scored = fanned_out(points)
    materialize(instance, scored)
    expected = read_results(tmp_path / "data" / "scored")
    for wanted in EVERY_TYPE:
        found = given_to(instance, scored, wanted)
        assert isinstance(found, wanted)
        if wanted is Results:
            assert (found[1], found.failures.empty) == ({"points": 2, "big": False}, True)
            found = found.to_pandas()
        assert rows_of(found) == expected.to_dict("list")
    for none in (None, Any):
        pd.testing.assert_frame_equal(given_to(instance, scored, none), expected)


def test_only_the_columns_that_are_named(instance):
    """`columns` in the metadata of the input are all that there is; a name that is not there is an error."""
    scored = fanned_out(points)
    materialize(instance, scored)
    found = given_to(instance, scored, pa.Table, metadata={"columns": ["big", "index"]})
    assert found.column_names == ["big", "index"]
    with pytest.raises(
        ValueError, match=r"scored: The results have no column 'point'. Did you mean 'points'"
    ):
        given_to(instance, scored, metadata={"columns": ["point"]})
    with pytest.raises(TypeError, match=r"with some columns only as fanout_pipeline\.Results"):
        given_to(instance, scored, Results, metadata={"columns": ["big"]})


def test_another_type_is_refused(instance):
    """The error names the asset, the argument, its type, and what can be had."""
    scored = fanned_out(doubled)
    materialize(instance, scored)
    said = "scored cannot be loaded as int, the type of the argument 'scored'. Results of a fan-out come as pandas"
    with pytest.raises(TypeError, match=re.escape(said)):
        given_to(instance, scored, int)
    with pytest.raises(
        TypeError, match="Several partitions are one table, with a column `partition`"
    ):
        given_to(instance, scored, dict[str, pd.DataFrame])


def test_failed_items_are_as_the_fan_out_says(instance):
    """An item in quarantine has a null, or no row."""
    for failed, rows in (("null", 10), ("omit", 9)):
        options = Options(on_error="quarantine", failed_items=failed)
        scored = fanned_out(fails_on_seven, options=options)
        materialize(instance, scored)
        found = given_to(instance, scored, pl.DataFrame)
        assert len(found) == rows
        assert found.filter(pl.col("index") == 7)["result"].to_list() == [None] * (rows - 9)


def test_partitions(instance, tmp_path):
    """One is given to its like, all in the order of their keys to an asset without partitions, each row with its key.

    One that is not there is an error that names it, unless the metadata say that it may be missing.
    """
    scored = fanned_out(doubled, partitions_def=KEYS)
    folder = tmp_path / "data" / "scored"
    for key in ("partition=c%2Fd", "partition=010"):
        write_results(folder / key, EVEN)
    found = given_to(instance, scored, pl.DataFrame, key="c/d")
    assert found.columns == ["partition", "index", "result"]
    assert set(found["partition"]) == {"c/d"}
    said = r"1 of 3 partitions of scored have no results under .*scored: 002\. Materialize them first, or .*missing"
    with pytest.raises(NoResults, match=said):
        given_to(instance, scored)
    may_miss = {"allow_missing_partitions": True}
    assert given_to(instance, scored, metadata=may_miss)["partition"].unique().tolist() == [
        "010",
        "c/d",
    ]
    write_results(folder / "partition=002", EVEN)
    for wanted in EVERY_TYPE[:-1]:
        found = rows_of(given_to(instance, scored, wanted))
        assert found["partition"] == ["010"] * 10 + ["002"] * 10 + ["c/d"] * 10
        assert found["result"] == EVEN * 3
    with pytest.raises(TypeError, match=r"scored cannot be loaded of several partitions as fanout"):
        given_to(instance, scored, Results)
    last = dg.SpecificPartitionsPartitionMapping(["002"])
    assert given_to(instance, scored, Results, partition_mapping=last)[1] == 2
    (folder / "partition=002").unlink()
    with pytest.raises(NoResults, match="1 of 1 partitions"):
        given_to(instance, scored, partition_mapping=last, metadata=may_miss)


def test_partitions_of_two_dimensions(instance, tmp_path):
    """Their key is one text, as Dagster writes it; dynamic partitions are in the order in which they were added."""
    days = dg.StaticPartitionsDefinition(["d2", "d1"])
    both = dg.MultiPartitionsDefinition(
        {"region": dg.StaticPartitionsDefinition(["us"]), "day": days}
    )
    scored = fanned_out(doubled, partitions_def=both)
    for key in both.get_partition_keys():
        write_results(place(tmp_path / "data", ["scored"], key), EVEN)
    assert given_to(instance, scored)["partition"].unique().tolist() == ["d2|us", "d1|us"]
    clients = dg.DynamicPartitionsDefinition(name="clients")
    instance.add_dynamic_partitions("clients", ["q", "b"])
    scored = fanned_out(doubled, partitions_def=clients)
    for key in ("b", "q"):
        write_results(place(tmp_path / "data", ["scored"], key), EVEN)
    assert given_to(instance, scored)["partition"].unique().tolist() == ["q", "b"]


def test_loaded_by_name(instance):
    """`load_asset_value` gives what an asset would be given, of one partition if there are any."""
    scored = fanned_out(doubled, partitions_def=KEYS)
    defs = dg.Definitions(assets=[scored])
    materialize(instance, scored, key="002")
    found = defs.load_asset_value("scored", instance=instance, partition_key="002")
    assert found["partition"].tolist() == ["002"] * 10
    with defs.get_asset_value_loader(instance) as loader:
        table = loader.load_asset_value(
            "scored",
            partition_key="002",
            python_type=pa.Table,
            input_definition_metadata={"columns": ["result"]},
        )
    assert table.to_pydict() == {"result": EVEN}
    with pytest.raises(NoResults, match=r"scored has partitions: name one \(partition_key="):
        defs.load_asset_value("scored", instance=instance)


def test_a_fan_out_over_a_fan_out(instance, tmp_path):
    """It loads the columns that its function is given and those that stand beside the results, and no others."""
    first = fanned_out(points)
    over = Upstream("scored", columns=["points"], type=pa.Table)
    second = fanout_asset(doubled, name="second", over=over, keep=["big"], strategy="serial")
    materialize(instance, first, second)
    found = read_results(tmp_path / "data" / "second")
    assert found.to_dict("list") == {
        "index": list(range(10)),
        "big": [False] * 10,
        "result": [4 * number for number in range(10)],
    }


def test_from_another_code_location(instance):
    """There the asset is an AssetSpec with the IO manager as a resource."""
    scored = fanned_out(doubled)
    materialize(instance, scored)
    spec = dg.AssetSpec("scored").with_io_manager_key("fanout")

    @dg.asset
    def total(scored: pl.LazyFrame) -> int:
        return scored.select(pl.col("result").sum()).collect().item()

    resources = {"fanout": FanoutIOManager()}
    result = dg.materialize(
        [spec, total], selection=[total], instance=instance, resources=resources
    )
    assert result.output_for_node("total") == 90


def test_it_writes_nothing(instance):
    """An asset of another kind that is bound to it, and returns a value, is told to use an IO manager of its own."""

    @dg.asset(io_manager_def=FanoutIOManager())
    def other():
        return 5

    with pytest.raises(
        TypeError, match="other has returned a value of type int, and FanoutIOManager loads"
    ):
        materialize(instance, other)
