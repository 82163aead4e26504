"""How values are shown in Dagster's UI: tables of rows and of columns, texts cut, seconds rounded."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from fanout_pipeline.results.files.printable import printable

ROWS = 5
"""So many rows are shown."""
LONGEST = 200
"""So many characters of a value are shown."""


def failed_table(rows: Sequence[Mapping[str, Any]], root: Path) -> dg.TableMetadataValue:
    """Failed items as a table; what is wrong with which comes first, where a narrow window shows it."""
    key = bool(rows) and "key" in rows[0]  # It says which item, in less room than the item.
    names = ("error_type", "message", "key" if key else "item", "where")
    shown = ({name: row[name] for name in names} for row in rows)
    if key:  # Of a record that cannot be read it is not known.
        shown = (row | {"key": row["key"] or ""} for row in shown)
    return _table([row | {"where": place_in(row["where"], root)} for row in shown])


def place_in(where: str, root: Path) -> str:
    """Where an item is, as a path under the data root, if it is there."""
    return where.replace(f"{root}{os.sep}", "")


def rounded(value: Any) -> Any:
    """Seconds to the microsecond, also those in a dict."""
    if isinstance(value, Mapping):
        return {name: rounded(one) for name, one in value.items()}
    return round(value, 6) if isinstance(value, float) else value


def columns(manifest: Any) -> dg.TableSchema:
    """The columns of results."""
    from fanout_pipeline.results.store.part_file import schema_of

    return dg.TableSchema(
        [
            dg.TableColumn(printable(field.name, LONGEST), _type_name(field.type))
            for field in schema_of(manifest.columns)
        ]
    )


def _type_name(arrow_type: Any) -> str:
    """As a reader calls it: how long a text may be in all is none of theirs."""
    return printable(str(arrow_type).replace("large_", ""), LONGEST)


def preview(folder: Path) -> Any:
    """The first rows as a table."""
    from fanout_pipeline.results.read import Snapshot

    rows: list[dict[str, Any]] = []
    for batch in Snapshot.of(folder).batches(ROWS):
        rows += batch.to_pylist()
        if len(rows) >= ROWS:
            break
    return _table(rows[:ROWS])


def _table(rows: Sequence[Mapping[str, Any]]) -> dg.TableMetadataValue:
    """Rows as the UI shows them: texts are cut, and what is neither text nor number is shown as text."""
    names = list(rows[0]) if rows else []
    records = [
        dg.TableRecord({printable(name, LONGEST): _cell(row[name]) for name in names})
        for row in rows
    ]
    declared = [dg.TableColumn(printable(name, LONGEST), _type(rows, name)) for name in names]
    return dg.TableMetadataValue(records, dg.TableSchema(declared))


def _type(rows: Sequence[Mapping[str, Any]], name: str) -> str:
    kinds = {type(row[name]) for row in rows} - {type(None)}
    names = {int: "int", float: "float", bool: "bool"}
    return names.get(kinds.pop(), "string") if len(kinds) == 1 else "string"


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and abs(value) <= 2**53:  # A browser would round a larger one.
        return value
    return printable(str(value), LONGEST)
