"""Columns of results are the same whatever the strategy: kept ones, fields of dicts, a stated type."""

import datetime
import json
from dataclasses import asdict
from decimal import Decimal

import pandas
import pyarrow
import pytest
from pyarrow import parquet

from fanout_pipeline import (
    BadInput,
    Csv,
    FanoutSpec,
    IntegerLines,
    ItemFailed,
    JsonLines,
    Options,
    Parquet,
    read_failures,
    read_results,
)
from fanout_pipeline.defs.assets.metadata import strategy_metadata
from fanout_pipeline.engine.model.options import FailurePolicy
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.scattered.scattered import ScatteredRun
from fanout_pipeline.measuring.correctness.verification import verify
from fanout_pipeline_tests.contract.cases import RELIABLE, every_strategy
from fanout_pipeline_tests.contract.functions import columns
from fanout_pipeline_tests.contract.functions.returning import same
from fanout_pipeline_tests.contract.rows import Rows, write_rows
from fanout_pipeline_tests.contract.runs import options_of, spec_of, write_items
from fanout_pipeline_tests.results.layout import generations

COUNT = 60
OMIT = FailurePolicy(on_error="quarantine", failed_items="omit")
NULL = FailurePolicy(on_error="quarantine")

pytestmark = pytest.mark.usefixtures("leaves_nothing")


@pytest.fixture
def orders(tmp_path):
    """A source of rows, and the rows."""
    return write_rows(tmp_path / "orders.jsonl", COUNT)


def run(name, spec, folder, chunks=4, resume=False, **options):
    kept = {"ledger": True, "resume": True} if resume else {}
    options = options_of(name, chunks=chunks, **options)
    return run_strategy(STRATEGIES[name], spec, folder, options, **kept)


def column(folder, name):
    found = read_results(folder)[name]
    return found.astype(object).where(found.notna(), None).tolist()


@every_strategy
def test_fields_and_kept_columns_stand_beside_the_index(orders, tmp_path, name):
    """In whatever parts: each row has its order, which the function never saw, and each field a column."""
    source, rows = orders
    folder = tmp_path / "results" / name
    spec = spec_of(name, source, columns.scored, keep=("order", "country"), unpack=True)
    record = run(name, spec, folder)
    assert verify(spec, folder, record).check.faultless
    found = read_results(folder)
    assert list(found) == ["index", "order", "country", "score", "even", "late"]
    assert found["index"].tolist() == list(range(COUNT))
    for kept in ("order", "country"):
        assert column(folder, kept) == [row[kept] for row in rows]
    expected = [columns.scored({"amount": n}) or {} for n in range(COUNT)]
    for field in ("score", "even", "late"):
        assert column(folder, field) == [one.get(field) for one in expected]


@every_strategy
def test_a_result_of_another_type_than_stated_is_its_item_s_error(orders, tmp_path, name):
    """It goes into quarantine as any failed call does, and the others are of the stated type."""
    source, rows = orders
    folder = tmp_path / name
    spec = spec_of(
        name,
        source,
        columns.odd_type_on_sevens,
        keep=("order",),
        unpack=True,
        result_type=columns.Score,
    )
    run(name, spec, folder, failures=OMIT)
    failures = read_failures(folder)
    assert failures["index"].tolist() == list(range(0, COUNT, 7))
    assert set(failures["error_type"]) == {"WrongType"}
    assert (
        "result['score'] is 'seven', of type str, and result_type says float"
        in failures["message"][0]
    )
    assert list(read_results(folder)) == ["index", "order", "score", "even", "day"]
    assert column(folder, "order") == [row["order"] for row in rows if row["amount"] % 7]
    assert column(folder, "score") == [n / 2 for n in range(COUNT) if n % 7]
    assert column(folder, "day") == [None] * (COUNT - len(failures))


@pytest.mark.parametrize("name", ["serial", "multiprocess", "vectorized"])
def test_without_quarantine_it_ends_the_run(orders, tmp_path, name):
    """The first such item is named, and nothing is written."""
    spec = spec_of(name, orders[0], columns.odd_type_on_sevens, result_type=columns.Score)
    with pytest.raises(ItemFailed, match=r"on item \d+ .*result_type says float"):
        run(name, spec, tmp_path / name, failures=FailurePolicy(retries=1, backoff_seconds=0))
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        *((name, OMIT) for name in RELIABLE),
        *((name, NULL) for name in ("serial", "multiprocess", "vectorized")),
    ],
)
def test_items_in_quarantine_keep_their_columns_or_have_no_row(tmp_path, name, policy):
    """A record that cannot be read has nulls; one whose call failed has its columns, or no row."""
    source, rows = write_rows(tmp_path / "orders.jsonl", COUNT, bad=(3, 21))
    folder = tmp_path / "results" / name
    spec = spec_of(name, source, columns.fails_on_sevens, keep=("order",))
    run(name, spec, folder, failures=policy)
    bad = {3, *range(0, COUNT, 7)}
    assert read_failures(folder)["index"].tolist() == sorted(bad)
    left = [n for n in range(COUNT) if n not in bad or not policy.omits]
    assert read_results(folder)["index"].tolist() == left
    assert column(folder, "order") == [None if n in (3, 21) else rows[n]["order"] for n in left]
    assert column(folder, "result") == [None if n in bad else n for n in left]


@pytest.mark.parametrize("name", ["serial", "multiprocess"])
def test_plain_results_are_unpacked_or_not_alike(tmp_path, name):
    """What is no dict stays one column, whatever is asked for; in short runs, too, in which the parent writes."""
    file = write_items(tmp_path / "numbers.txt", COUNT)
    spec = spec_of(name, file, same, unpack=True, result_type=float)
    run(name, spec, tmp_path / name)
    assert read_results(tmp_path / name)["result"].dtype == "float64"
    assert column(tmp_path / name, "result") == [1000.0 + n for n in range(COUNT)]


def test_a_dataclass_is_a_dict_of_its_fields(orders, tmp_path):
    """As one column, too; a stated type gives parts of one schema however they are cut."""
    for unpack in (False, True):
        spec = spec_of(
            "serial", orders[0], columns.as_dataclass, unpack=unpack, result_type=columns.Score
        )
        run("serial", spec, tmp_path / str(unpack), chunks=COUNT)
    whole = read_results(tmp_path / "False")["result"][3]
    assert whole == {"score": 1.5, "even": False, "day": datetime.date(2026, 11, 28)}
    assert column(tmp_path / "True", "day") == [datetime.date(2026, 11, 28)] * COUNT


def test_the_page_of_an_asset_shows_columns_and_first_results(orders, tmp_path):
    """Metadata has each column with its type, and the first results as JSON that can be opened and searched."""
    source, _ = orders
    spec = spec_of("serial", source, with_a_list, keep=("order",), unpack=True)
    record = run("serial", spec, tmp_path / "out")
    metadata = strategy_metadata(
        record, verify(spec, tmp_path / "out", record), tmp_path / "out", []
    )
    shown = [(one.name, one.type) for one in metadata["dagster/column_schema"].columns]
    assert [name for name, _ in shown] == ["index", "order", "amounts", "large"]
    first = metadata["first_10_results"].value
    assert first[:2] == [{"amounts": [n], "large": str(2**60)} for n in (0, 1)]


def with_a_list(row):
    return {"amounts": [row["amount"]], "large": 2**60}


def test_a_batch_may_be_a_data_frame(orders, tmp_path):
    """Its rows are dicts, with and without a stated type, and whatever fails in it is found."""
    spec = FanoutSpec(
        "orders", orders[0], same, halves, keep=("order",), unpack=True, result_type=columns.Score
    )
    run("vectorized", spec, tmp_path / "stated", failures=NULL)
    run(
        "vectorized",
        FanoutSpec("orders", orders[0], same, halves),
        tmp_path / "inferred",
        failures=NULL,
    )
    assert column(tmp_path / "stated", "score") == [None if n == 7 else n / 2 for n in range(COUNT)]
    assert column(tmp_path / "inferred", "result")[8] == {"score": 4.0, "even": True}


def halves(rows):
    amounts = rows["amount"]
    if 7 in set(amounts):
        raise ValueError("seven")
    return pandas.DataFrame({"score": amounts / 2, "even": amounts % 2 == 0})


@pytest.mark.parametrize("changed", ["keep", "unpack", "result_type"])
def test_parts_with_other_columns_are_not_reused(orders, tmp_path, changed):
    """What a run has left is made again where its columns would be others."""
    more = {"keep": ("order",), "unpack": True, "result_type": columns.Score}
    logged = []
    with pytest.raises(ItemFailed):
        run(
            "serial",
            spec_of("serial", orders[0], fails_at_the_end, **more),
            tmp_path / "out",
            resume=True,
        )
    more[changed] = {"keep": (), "unpack": False, "result_type": None}[changed]
    spec = spec_of("serial", orders[0], fails_at_the_end, **more)
    with pytest.raises(ItemFailed):
        run_strategy(
            STRATEGIES["serial"], spec, tmp_path / "out", Options(workers=1, chunks=4), log=logged.append, ledger=True, resume=True,
        )  # fmt: skip
    assert "are not reused, because the columns of the results changed since then" in logged[0]
    run("serial", spec_of("serial", orders[0], columns.as_dataclass), tmp_path / "out")


def test_parts_with_earlier_values_of_a_kept_column_are_not_reused(tmp_path):
    """The hash of the input is of the kept columns, too, though the function is not given them."""
    path = tmp_path / "orders.parquet"

    def write(orders):
        table = pyarrow.table({"amount": range(COUNT), "order": orders})
        parquet.write_table(table, path, compression="none", use_dictionary=False)

    source = Parquet(str(path), columns=["amount"])
    spec = spec_of("serial", source, fails_at_a_number, keep=("order",))
    write([*range(COUNT)])
    with pytest.raises(ItemFailed):
        run("serial", spec, tmp_path / "out", resume=True)
    write([1, 0, *range(2, COUNT)])
    record = run("serial", spec, tmp_path / "out", resume=True, failures=OMIT)
    assert record.reused_items == 0
    assert column(tmp_path / "out", "order")[:3] == [1, 0, 2]


def fails_at_a_number(amount):
    if amount == COUNT - 1:
        raise ValueError("the last")
    return amount


def fails_at_the_end(row):
    if row["amount"] == COUNT - 1:
        raise ValueError("the last")
    return columns.as_dataclass(row)


def test_steps_of_a_scheduler_keep_columns(orders, tmp_path):
    """What each step writes, and what is done in the end, has the same columns."""
    source, rows = orders
    spec = FanoutSpec(
        "orders", source, columns.scored, keep=("order",), unpack=True, result_type=columns.Score
    )
    policy = Options(workers=1, chunks=5, **asdict(NULL))
    steps = ScatteredRun.join("steps", spec, tmp_path / "steps", policy, "a run")
    steps.gather([steps.run_chunk(one.start, one.stop) for one in steps.scatter()[:0:-1]])
    assert column(tmp_path / "steps", "order") == [row["order"] for row in rows]
    late = [n for n in range(COUNT) if n > 50 and n % 10 != 9]
    assert (
        read_failures(tmp_path / "steps")["index"].tolist() == late
    )  # which Score has no field for


def test_what_cannot_be_kept_is_said_before_anything_runs(orders, tmp_path):
    """A column that is not there, a source without columns, a name that is taken, a field of that name."""
    source, _ = orders
    with pytest.raises(BadInput, match=r"has no column 'oder', but order, amount, country"):
        run("serial", spec_of("serial", source, same, keep=("oder",)), tmp_path / "out")
    file = write_items(tmp_path / "numbers.txt", 3)
    with pytest.raises(
        BadInput, match=r"numbers\.txt has no columns, so 'a' cannot be kept\. Leave out keep="
    ):
        run("serial", spec_of("serial", file, same, keep=("a",)), tmp_path / "out")
    with pytest.raises(
        ValueError, match=r"keep names 'index', which is a column of the results' own"
    ):
        spec_of("serial", source, same, keep=("index",))
    with pytest.raises(ValueError, match="keep names 'a', which is given twice"):
        spec_of("serial", source, same, keep=("a", "a"))
    with pytest.raises(TypeError, match=r"write keep=\('order',\)"):
        spec_of("serial", source, same, keep="order")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("count", [0, 3])
def test_columns_are_there_without_results(tmp_path, count):
    """Of an empty input, or where every result is None: those that are kept, and those that are stated."""
    source, _ = write_rows(tmp_path / "orders.jsonl", max(1, count))
    spec = FanoutSpec("o", source, nothing, keep=("order",), unpack=True, result_type=columns.Score)
    run("serial", spec, tmp_path / "out")
    if not count:
        (tmp_path / "orders.jsonl").write_text("")
        empty = FanoutSpec(
            "o",
            Empty(source.path),
            nothing,
            keep=("order",),
            unpack=True,
            result_type=columns.Score,
        )
        run("serial", empty, tmp_path / "out")
    found = read_results(tmp_path / "out")
    assert list(found) == ["index", "order", "score", "even", "day"]
    assert len(found) == count
    for part in (tmp_path / "out").glob("part-*"):
        assert str(parquet.read_schema(part).field("score").type) == "double"


def nothing(row):
    return None


class Empty(Rows):
    """Rows of a file without any, in which no column can be missing."""

    def require_columns(self, names):
        pass


@pytest.mark.parametrize("chunks", [1, 4])
def test_numbers_of_a_kept_column_are_floats_if_one_is(tmp_path, chunks):
    """Whatever is read at once; other types in one column are refused, and the column is named."""
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n{"a": 2}\n{"a": null}\n{"a": 0.5}\n')
    spec = FanoutSpec("rows", Rows(str(path)), str, keep=("a",))
    run("serial", spec, tmp_path / "out", chunks)
    assert column(tmp_path / "out", "a") == [1.0, 2.0, None, 0.5]
    path.write_text(path.read_text().replace("0.5", '"x"'))
    with pytest.raises(
        (BadInput, TypeError), match=r"of a column is of its type|kept column 'a' has int and str"
    ):
        run("serial", spec, tmp_path / "out", chunks)


@pytest.mark.parametrize("name", ["index", "key", "result", "order", "Index", "ORDER"])
def test_a_field_with_the_name_of_another_column_is_an_error(tmp_path, name):
    """It says which, and what to do: no column is overwritten, and DuckDB finds each, which ignores case."""
    (tmp_path / "rows.jsonl").write_text(json.dumps({name: 1, "order": 2}) + "\n")
    spec = FanoutSpec(
        "rows", Rows(str(tmp_path / "rows.jsonl")), same, keep=("order",), unpack=True
    )
    with pytest.raises(
        TypeError, match=rf"the field '{name}', which is the name of another column .*: return it"
    ):
        run("serial", spec, tmp_path / "out")


def either_case(number):
    return {"Score": number} if number % 2 else {"score": number}


def test_fields_of_several_parts_have_names_of_their_own(tmp_path):
    """Names that differ in case are refused wherever they stand, and what was made of them is not resumed."""
    spec = spec_of("serial", write_items(tmp_path / "numbers.txt", 8), either_case, unpack=True)
    for chunks in (1, 8):
        with pytest.raises(TypeError, match=r"the field '[Ss]core', which is the name of another"):
            run("serial", spec, tmp_path / "out" / "serial", chunks, resume=True)
        assert not read_runs(tmp_path / "out" / "serial")


def read_runs(folder):
    return generations(folder) if folder.parent.exists() else []


def test_columns_to_keep_differ_in_more_than_their_case(tmp_path):
    """So that every program that reads the results finds them."""
    source = Rows(str(tmp_path / "rows.jsonl"))
    with pytest.raises(ValueError, match="keep names 'Index', which is a column of the results'"):
        FanoutSpec("rows", source, same, keep=("Index",))
    with pytest.raises(ValueError, match="keep names 'order', which is given twice"):
        FanoutSpec("rows", source, same, keep=("order", "Order"))


def test_numbers_that_no_float_equals_are_not_rounded(tmp_path):
    """Beside a float in another part they are an error, which names the column and does not come again."""
    (tmp_path / "rows.jsonl").write_text(json.dumps({"a": 2**53 + 1}) + '\n{"a": 0.5}\n')
    spec = FanoutSpec("rows", Rows(str(tmp_path / "rows.jsonl")), str, keep=("a",))
    with pytest.raises(TypeError, match="column 'a' has no type that holds all its values"):
        run("serial", spec, tmp_path / "out" / "serial", 2, resume=True)
    assert not read_runs(tmp_path / "out" / "serial")


def test_what_is_no_dict_has_nulls_in_kept_columns(tmp_path):
    """A number beside objects in one file is an item like another; a number that Arrow cannot hold is named."""
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n5\n{"b": 2}\n')
    spec = FanoutSpec("rows", JsonLines(str(path)), str, keep=("a",))
    run("serial", spec, tmp_path / "out", 1)
    assert column(tmp_path / "out", "a") == [1, None, None]
    path.write_text(json.dumps({"a": 2**70}))
    with pytest.raises(BadInput, match=r"Not every value of a column is of its type: .*too large"):
        run("serial", spec, tmp_path / "out", 1)


def test_the_user_s_function_is_named_whatever_type_is_stated(tmp_path):
    """In messages there is no function of ours."""
    file = write_items(tmp_path / "numbers.txt", 4)
    spec = FanoutSpec("numbers", IntegerLines(str(file)), same, result_type=int)
    with pytest.raises(TypeError, match=r"but .*returning:same is not an `async def`"):
        run("asyncio", spec, tmp_path / "out")
    numbers = (number for number in range(9))

    def taking(number):
        return next(numbers)

    spec = FanoutSpec("numbers", IntegerLines(str(file)), taking, result_type=int)
    with pytest.raises(TypeError, match=r"The function .*taking cannot be sent"):
        run("multiprocess", spec, tmp_path / "out")


def price(text):
    return Decimal(text) if text else None


@pytest.mark.parametrize("chunks", [1, 12])
def test_a_kept_column_is_the_same_wherever_the_input_is_cut(tmp_path, chunks):
    """Decimals of several scales, and objects whose numbers are integers in one part and floats in another."""
    path = tmp_path / "prices.csv"
    path.write_text('price\n1.5\n10.25\n""\n1000\n')
    source = Csv(str(path), types={"price": price})
    run("serial", FanoutSpec("prices", source, str, keep=("price",)), tmp_path / "out", chunks)
    assert column(tmp_path / "out", "price") == [
        Decimal("1.5"),
        Decimal("10.25"),
        None,
        Decimal(1000),
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": {"x": 1}}\n{"a": {"y": "s"}}\n{"a": {"x": 1.5}}\n')
    source = JsonLines(str(path))
    run("serial", FanoutSpec("rows", source, str, keep=("a",)), tmp_path / "out", chunks)
    assert column(tmp_path / "out", "a") == [
        {"x": 1.0, "y": None},
        {"x": None, "y": "s"},
        {"x": 1.5, "y": None},
    ]


def test_a_kept_csv_column_that_arrow_cannot_hold_is_named(tmp_path):
    """An integer of more than 64 bits, or values of several types, are bad input."""
    path = tmp_path / "n.csv"
    path.write_text(f"n\n1\n{2**70}\n")
    spec = FanoutSpec("n", Csv(str(path), types={"n": int}), str, keep=("n",))
    with pytest.raises(BadInput, match="value of the column 'n' is of its type"):
        run("serial", spec, tmp_path / "out", 1)
