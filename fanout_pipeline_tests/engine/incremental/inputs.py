"""The same rows as a source of one kind or another."""

import json
import os

import pyarrow
from pyarrow import parquet

from fanout_pipeline import JsonLines, Parquet
from fanout_pipeline.sources.memory import as_source

COLUMNS = ("a", "b")
SPOILT = '{"id": 1, "a": '


def given(form, row):
    """What the function is given of a row."""
    item = {"a": row.a, "b": row.b}
    return item if form in ("table", "parquet") else item | {"id": row.key, "note": row.note}


def source_of(form, rows, folder, keep):
    """The source of rows. Those that are spoilt need lines."""
    if form == "json lines":
        path = folder / "input.jsonl"
        lines = (SPOILT if row.spoilt else json.dumps(given(form, row)) for row in rows)
        _replace(path, "".join(f"{line}\n" for line in lines).encode())
        return JsonLines(str(path))
    if form == "rows":
        return as_source([given(form, row) for row in rows])
    texts = any(isinstance(row.key, str) for row in rows)
    table = pyarrow.table(
        {
            "id": pyarrow.array([row.key for row in rows], "string" if texts else "int64"),
            "a": pyarrow.array([row.a for row in rows], "int64"),
            "b": pyarrow.array([row.b for row in rows], "int64"),
            "note": pyarrow.array([row.note for row in rows], "string"),
        }
    )
    if form == "table":
        return as_source(table, COLUMNS, keep)
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(table, sink, row_group_size=7)
    _replace(folder / "input.parquet", sink.getvalue())
    return Parquet(str(folder / "input.parquet"), columns=COLUMNS)


def _replace(path, content):
    aside = path.with_name("aside")
    aside.write_bytes(content)
    os.replace(aside, path)
