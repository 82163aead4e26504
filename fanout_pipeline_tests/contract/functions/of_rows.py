"""They take rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas
    import pyarrow


def as_text(row):
    return f"{row['number']} {row['text']}"


def texts_of_frame(rows: pandas.DataFrame):
    numbers = [
        None if gone else number
        for number, gone in zip(rows["number"], rows["number"].isna(), strict=True)
    ]
    return [f"{number} {text}" for number, text in zip(numbers, rows["text"], strict=True)]


def texts_of_arrow(rows: pyarrow.Table):
    return [as_text(row) for row in rows.to_pylist()]
