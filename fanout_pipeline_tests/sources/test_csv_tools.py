"""CSV as other tools write it is read as they meant it, and as `csv.DictReader` reads it."""

import csv
import random

import duckdb
import pandas
import polars
import pytest

from fanout_pipeline import Csv
from fanout_pipeline_tests.sources.reading import read

COPIED = (
    b'id,amount,note,day,ok,js,tags\n1,2.50,"two\nlines",2026-11-28,t,"{""a"": ""b,c""}","{x,""y z""}"\n'
    b'2,,"",,f,,\n3,7.00,"say ""yes"", please",0001-01-01,,[],{}\n'
    b'4,-0.10,"cr\rlf\r\nend",9999-12-31,t,"""\xc3\xa9""",{NULL}\n5,0.00,\\.,,,,\n'
    b"6,1.00, padded ,,,,\n7,1.00,NA,,,,\n"
)
"""What PostgreSQL 15.18 wrote: COPY orders TO … (FORMAT csv, HEADER)."""
COPIED_QUOTED = (
    b'id;amount;note;day;ok\n"1";"2.50";"two\nlines";"2026-11-28";"t"\n"2";;"";;"f"\n'
    b'"3";"7.00";"say ""yes"", please";"0001-01-01";\n"4";"-0.10";"cr\rlf\r\nend";"9999-12-31";"t"\n'
)
"""The same with FORCE_QUOTE *, DELIMITER ';'."""


def texts(count):
    """Texts that a writer has to quote, and others."""
    chance = random.Random(7)
    pieces = [
        "a",
        "é",
        '"',
        '""',
        ",",
        "\n",
        "\r\n",
        " ",
        "NA",
        "\N{SLICE OF PIZZA}",
        "\u2028",
        "plain",
    ]
    return ["".join(chance.choices(pieces, k=chance.randrange(1, 6))) for _ in range(count)]


FRAME = {"id": list(range(3000)), "note": texts(3000), "amount": [n / 4 for n in range(3000)]}


def with_pandas(path):
    pandas.DataFrame(FRAME).to_csv(path, index=False)


def with_pandas_quoted(path):
    pandas.DataFrame(FRAME).to_csv(path, index=False, quoting=csv.QUOTE_ALL, lineterminator="\r\n")


def with_polars(path):
    polars.DataFrame(FRAME).write_csv(path)


def with_polars_marked(path):
    polars.DataFrame(FRAME).write_csv(path, include_bom=True, quote_style="non_numeric")


def with_duckdb(path):
    frame = polars.DataFrame(FRAME).to_arrow()
    duckdb.sql("FROM frame").write_csv(str(path), header=True)
    assert frame.num_rows == 3000


def with_csv(path):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(FRAME)
        writer.writerows(zip(*FRAME.values(), strict=True))


WAYS = [with_pandas, with_pandas_quoted, with_polars, with_polars_marked, with_duckdb, with_csv]


def read_by_csv(path, **how):
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file, **how))


@pytest.mark.parametrize("write", WAYS)
def test_what_another_tool_has_written(write, tmp_path):
    """Every text comes back as it was, in any chunks."""
    path = tmp_path / "frame.csv"
    write(path)
    source = Csv(str(path), types={"id": int, "amount": float})
    source = source.examined(source.examine())
    for chunks in (1, 7):
        rows = read(source, chunks)
        assert [row["note"] for row in rows] == FRAME["note"]
        assert [(row["id"], row["amount"]) for row in rows] == list(
            zip(FRAME["id"], FRAME["amount"], strict=True)
        )
    assert read(Csv(str(path)), 5) == read_by_csv(path)


@pytest.mark.parametrize(("content", "delimiter"), [(COPIED, ","), (COPIED_QUOTED, ";")])
def test_what_postgresql_has_copied(content, delimiter, tmp_path):
    """Quotes, line ends within fields, arrays and JSON; `\\.` is a text as any other."""
    path = tmp_path / "orders.csv"
    path.write_bytes(content)
    rows = read(Csv(str(path), delimiter=delimiter), 4)
    assert rows == read_by_csv(path, delimiter=delimiter)
    assert [row["note"] for row in rows][:4] == [
        "two\nlines",
        "",
        'say "yes", please',
        "cr\rlf\r\nend",
    ]
