"""Columns of Csv: which are read, as what, and what is told of those that are not there."""

import math
import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path

import pandas
import pyarrow
import pytest

from fanout_pipeline import (
    BadInput,
    Csv,
    FanoutSpec,
    IntegerLines,
    Options,
    Unreadable,
    read_failures,
    read_results,
)
from fanout_pipeline.engine.functions.identity import Basis, identity_of
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.sources.provenance import require_unchanged
from fanout_pipeline.squares import square, square_batch
from fanout_pipeline_tests.sources.reading import read

ORDERS = """order_id,amount,country,note
1,2.50,DE,"two
lines"
2,,NA,
3,7.00
4,1e3,"FR","say ""yes\"""
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(ORDERS)
    return path


def items_of(source):
    return source.read(source.chunks(1)[0])


def test_empty_missing_and_na_differ(path):
    """An empty field is "", a missing one None, and "NA" is what it says."""
    assert read(Csv(str(path)), 3) == [
        {"order_id": "1", "amount": "2.50", "country": "DE", "note": "two\nlines"},
        {"order_id": "2", "amount": "", "country": "NA", "note": ""},
        {"order_id": "3", "amount": "7.00", "country": None, "note": None},
        {"order_id": "4", "amount": "1e3", "country": "FR", "note": 'say "yes"'},
    ]


def test_columns_that_are_asked_for(path):
    """Of several the items are dicts, in the order asked for; of exactly one, plain values."""
    two = Csv(str(path), columns=["country", "order_id"])
    assert list(read(two)[0].items()) == [("country", "DE"), ("order_id", "1")]
    assert read(Csv(str(path), columns=("country",)), 2) == ["DE", "NA", None, "FR"]
    assert read(Csv(str(path), columns=("order_id",), types={"order_id": int})) == [1, 2, 3, 4]


def amount(text):
    return Decimal(text) if text else None


def test_types_are_any_functions_of_text(path):
    """A missing field stays None: no function is given it."""
    source = Csv(
        str(path), columns=("amount", "country"), types={"amount": amount, "country": str.lower}
    )
    assert read(source) == [
        {"amount": Decimal("2.50"), "country": "de"},
        {"amount": None, "country": "na"},
        {"amount": Decimal("7.00"), "country": None},
        {"amount": Decimal("1e3"), "country": "fr"},
    ]
    days = path.with_name("days.csv")
    days.write_text("day,n\n2026-11-28,1\n")
    source = Csv(str(days), types={"day": date.fromisoformat, "n": int})
    assert read(source) == [{"day": date(2026, 11, 28), "n": 1}]


def test_what_a_type_refuses_cannot_be_read(path):
    """The column, the text and the function are named, and where the record begins; its neighbours are read."""
    source = Csv(str(path), types={"amount": float})
    items = items_of(source)
    assert list(items.unreadable) == [1]
    assert items[1].reason == (
        "has '' in the column 'amount', which float refuses (ValueError: could not convert string to "
        "float: '')"
    )
    assert items[1].text == "'2,,NA,'"
    assert [row["amount"] for row in items.readable()] == [2.5, 7.0, 1000.0]
    with pytest.raises(BadInput, match=r"line 4 of .*orders.csv has '' in the column 'amount'"):
        read(source)


def test_a_function_that_stops_an_iteration_loses_no_record(path):
    """StopIteration is an error of the text, as any other."""

    def stops(text):
        if text == "3":
            raise StopIteration
        return text

    items = items_of(Csv(str(path), columns=("order_id",), types={"order_id": stops}))
    assert [type(item) is Unreadable for item in items] == [False, False, True, False]


def test_too_many_fields(path):
    """Such a record cannot be read; where it begins and ends is certain all the same."""
    path.write_text('a,b\n1,2\n3,"x\ny",5\n6,7\n')
    source = Csv(str(path))
    items = items_of(source)
    assert [item for item in items if type(item) is dict] == [
        {"a": "1", "b": "2"},
        {"a": "6", "b": "7"},
    ]
    assert items.unreadable[1].reason == "has 3 fields, for 2 columns"
    with pytest.raises(BadInput, match=r"line 3 of .* has 3 fields, for 2 columns: '3,.x"):
        read(source)


@pytest.mark.parametrize("quoted", ["", '"q",x\n'])
def test_bytes_of_another_encoding(path, quoted):
    """Only a record that is asked for them cannot be read, and what it has is told."""
    path.write_bytes(b"a,b\n1,x\n\xff,y\n3,\xfe\n" + quoted.encode())
    items = items_of(Csv(str(path)))
    assert list(items.unreadable) == [1, 2]
    assert items.unreadable[1].reason == "is not utf-8 in the column 'a' (byte 0xff at position 0)"
    one = items_of(Csv(str(path), columns=("b",)))
    assert list(one.unreadable) == [2]
    assert one.readable()[:2] == ["x", "y"]
    assert read(Csv(str(path), encoding="latin-1"))[1] == {"a": "ÿ", "b": "y"}
    path.write_bytes(b"a,b\xe9\n1,2\n")
    with pytest.raises(BadInput, match=r"The header of .* is not utf-8"):
        Csv(str(path)).examine()


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"columns": ("amuont",)}, "orders.csv has no column 'amuont'. Did you mean 'amount'?"),
        ({"columns": ("zzz",)}, "It has 'order_id', 'amount', 'country', 'note'."),
        ({"types": {"contry": str}}, "has no column 'contry'. Did you mean 'country'"),
    ],
)
def test_a_column_that_is_not_there(path, how, told):
    """It is told before anything is called, with the names that are like it."""
    for operation in ("examine", "read"):
        source = Csv(str(path), **how)
        with pytest.raises(BadInput) as caught:
            source.examine() if operation == "examine" else items_of(source)
        assert told in str(caught.value)


def test_columns_to_be_kept(path):
    """They need not be among those that are passed; there is a row for each item, of nulls for what is not read."""
    source = Csv(str(path), columns=("amount",), types={"amount": float})
    source.require_columns(["country"])
    with pytest.raises(BadInput, match="has no column 'x'"):
        source.require_columns(["x"])
    items = items_of(source)
    assert items.as_arrow(["country", "note"]).to_pydict() == {
        "country": ["DE", None, None, "FR"],
        "note": ["two\nlines", None, None, 'say "yes"'],
    }
    assert items.as_arrow()["amount"].to_pylist() == [2.5, None, 7.0, 1000.0]
    assert items_of(Csv(str(path), columns=("order_id",))).as_arrow(
        ["note"]
    ).schema == pyarrow.schema({"note": pyarrow.string()})
    with pytest.raises(BadInput, match=r"line 4 of .* has '' in the column 'amount'"):
        items_of(Csv(str(path), columns=("country",), types={"amount": float})).as_arrow(["amount"])


def test_a_batch_is_a_frame(path):
    """Of text, or of what its types make of it; of one column, a Series. What cannot be read is left out."""
    frame = items_of(Csv(str(path))).as_batch()
    assert frame.to_dict("list")["order_id"] == ["1", "2", "3", "4"]
    assert frame.dtypes.map(str).tolist() == ["str"] * 4
    assert frame["amount"].tolist() == ["2.50", "", "7.00", "1e3"]
    assert frame["country"].tolist()[:2] == ["DE", "NA"]
    assert math.isnan(frame["country"][2])
    typed = items_of(Csv(str(path), types={"amount": float, "order_id": int})).as_batch()
    assert typed.dtypes.map(str).tolist() == ["int64", "float64", "str", "str"]
    assert typed["order_id"].tolist() == [1, 3, 4]
    one = items_of(Csv(str(path), columns=("country",))).as_batch()
    assert isinstance(one, pandas.Series)
    path.write_text("order_id,amount\n")
    assert list(items_of(Csv(str(path))).as_batch().columns) == ["order_id", "amount"]


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff", "a,b", "a,b\n", "a,b\r\n\r\n"])
def test_files_without_records(path, content):
    """They have no items, whether or not there is a header."""
    path.write_text(content)
    source = Csv(str(path), columns=("a",))
    assert source.examine().items == 0
    assert read(source) == []
    assert items_of(Csv(str(path))).as_batch().empty
    with pytest.raises(BadInput, match="has no records"):
        source.head(1, path.with_name("head.csv"))


def test_names_that_occur_twice(path):
    """A dict could hold one of them only."""
    path.write_text("a,b,a\n1,2,3\n")
    with pytest.raises(BadInput, match=r"more than one column 'a': 'a', 'b', 'a'\."):
        Csv(str(path)).examine()
    assert read(Csv(str(path), header=("x", "y", "z")))[1]["z"] == "3"
    path.write_text(",b\n1,2\n")
    assert read(Csv(str(path))) == [{"": "1", "b": "2"}]


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("a,c", "has other columns than {0}/0.csv: it has 'c' besides and it lacks 'b'."),
        ("a", "it lacks 'b'."),
        ("b,a", "they are in another order: 'b', 'a', and not 'a', 'b'."),
    ],
)
def test_headers_that_differ(tmp_path, header, told):
    """Which file has which columns more, or less."""
    (tmp_path / "0.csv").write_text("a,b\n1,2\n")
    (tmp_path / "1.csv").write_text(f"{header}\n1,2\n")
    with pytest.raises(BadInput) as caught:
        Csv(str(tmp_path)).examine()
    assert str(caught.value).startswith(f"{tmp_path}/1.csv ")
    assert told.format(tmp_path) in str(caught.value)


def test_a_quote_that_is_not_closed(path):
    """What csv gives up on is told by the line at which the record begins."""
    path.write_text('a,b\n1,2\n"3,' + "4\n" * 200_000)
    for operation in (
        Csv(str(path)).examine,
        lambda: Csv(str(path)).head(9, path.with_name("head")),
    ):
        with pytest.raises(
            BadInput, match=r"line 3 of .*field larger than field limit.*Close the quote"
        ):
            operation()


def test_a_head_is_read_as_the_file_is(path):
    """Its first records, or all and the first again, with the header and in the same dialect."""
    wanted = read(Csv(str(path)))
    for items in (1, 3, 9):
        head = Csv(str(path)).head(items, path.with_name("head.csv"))
        assert read(head) == (wanted * 3)[:items]
    latin = path.with_name("latin.csv")
    latin.write_bytes("ä;'b'\n'é\n';\n1\n".encode("latin-1"))
    source = Csv(str(latin), delimiter=";", quotechar="'", encoding="latin-1")
    assert read(source.head(2, path.with_name("head.csv"))) == read(source)


def test_a_file_that_changes(path):
    """Which file, and how."""
    before = Csv(str(path)).version()
    path.write_text(ORDERS + "5,1,DE,\n")
    with pytest.raises(BadInput, match=r"orders.csv grew from \d+ to \d+ bytes"):
        require_unchanged(Csv(str(path)), before)


def test_numbers_are_those_of_a_text_file(tmp_path):
    """One column of integers is what IntegerLines reads."""
    (tmp_path / "n.txt").write_text("1\n-2\n9999999999999999999999\n")
    (tmp_path / "n.csv").write_text("n\n1\n-2\n9999999999999999999999\n")
    source = Csv(str(tmp_path / "n.csv"), columns=("n",), types={"n": int})
    assert read(source, 2) == read(IntegerLines(str(tmp_path / "n.txt")), 2)


@pytest.mark.slow
def test_squares_of_a_csv_file_are_those_of_a_text_file(tmp_path):
    """The same numbers give the same digest, whichever file they are in."""
    numbers = [str(n * 7919 % 10_007) for n in range(5000)]
    (tmp_path / "n.txt").write_text("\n".join([*numbers, ""]))
    (tmp_path / "n.csv").write_text("\n".join(["n", *numbers, ""]))
    digests = set()
    for source in (
        IntegerLines(str(tmp_path / "n.txt")),
        Csv(str(tmp_path / "n.csv"), columns=("n",), types={"n": int}),
    ):
        for name in ("serial", "multiprocess", "vectorized"):
            spec = FanoutSpec("squares", source, square, square_batch)
            options = Options(workers=2)
            record = run_strategy(
                STRATEGIES[name], spec, tmp_path / name, replace(options, chunks=5)
            )
            digests.add(record.digest)
    assert len(digests) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["serial", "multiprocess", "vectorized"])
def test_bad_records_go_into_quarantine(tmp_path, name):
    """All others have their results; without quarantine one of them ends the run."""
    path = tmp_path / "orders.csv"
    path.write_text('n,m\n1,"a\nb"\n2,x,y\n"z",\n4,"c"\n')
    spec = FanoutSpec("n", Csv(str(path), columns=("n",), types={"n": int}), square, square_batch)
    run = partial(run_strategy, STRATEGIES[name], spec, tmp_path / name)
    with pytest.raises(BadInput, match=r"line [45] of .*orders.csv has (3 fields|'z')"):
        run(Options(workers=2, chunks=2))
    run(Options(workers=2, chunks=2, on_error="quarantine", failed_items="omit"))
    assert read_results(tmp_path / name)["result"].tolist() == [1, 16]
    failures = read_failures(tmp_path / name)
    assert failures["index"].tolist() == [1, 2]
    assert failures["item"].tolist() == ["'2,x,y'", "'\"z\",'"]
    assert "refuses (ValueError: invalid literal" in failures["message"][1]


def doubled(text):
    return 2 * float(text)


@pytest.mark.slow
def test_another_type_is_another_run(tmp_path, path):
    """Parts that were made with another conversion are not reused."""
    made = []
    for convert in (float, float, doubled):
        source = Csv(str(path), columns=("order_id",), types={"order_id": convert})
        spec = FanoutSpec("ids", source, abs)
        identity = identity_of(STRATEGIES["serial"], spec, Basis.of(spec), Options(workers=1))
        made.append(identity)
    assert not made[1].changed(made[0])
    assert "the type of order_id" in str(made[2].changed(made[0]))


def test_the_example_of_the_page(tmp_path, monkeypatch):
    """What docs/sources.md shows runs, and reads what it says."""
    page = (Path(__file__).parents[2] / "docs" / "sources.md").read_text()
    [code] = re.findall(
        r"```python\n(.*?)```", page.partition("## CSV\n")[2].partition("\n## ")[0], re.DOTALL
    )
    names = {}
    exec(code, names)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "orders.csv").write_text("id,amount,country\n1,2.5,DE\n2,4,FR\n")
    (tmp_path / "days").mkdir()
    (tmp_path / "days" / "a.txt").write_text("2026-11-28;7\n")
    spec = names["spec"].under(tmp_path)
    assert list(map(spec.function, read(spec.source))) == [5.0, 4.0]
    assert read(names["days"].under(tmp_path)) == [{"day": date(2026, 11, 28), "n": 7}]
