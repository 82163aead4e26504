"""What a fan-out in YAML is over: one of the sources, or another asset."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from operator import attrgetter
from typing import Any

import dagster as dg
from pydantic import Field, model_validator

from fanout_pipeline.defs.guest.upstream import Upstream
from fanout_pipeline.sources.csv_files import Csv
from fanout_pipeline.sources.integer_lines import IntegerLines
from fanout_pipeline.sources.json_lines import JsonLines
from fanout_pipeline.sources.parquet import Parquet
from fanout_pipeline.sources.source import Source
from fanout_pipeline.sources.sql import Sql
from fanout_pipeline.sources.text_lines import TextLines
from fanout_pipeline.sources.whole_files import Files

_PATH = (
    "A file, a folder or a glob, relative to the data root; {partition} in it stands for the partition's key, or "
    "{dimension} for one of a multi partition's."
)
_COLUMNS = "The columns that the function is given: of one its plain values, else dicts. Default: dicts of all."
_TYPES = {"bool": bool, "float": float, "int": int, "str": str}


class OfPath(dg.Model):
    """A source that has no more than a path."""

    path: str = Field(description=_PATH)


class OfColumns(OfPath):
    """A source whose items are rows."""

    columns: list[str] | None = Field(default=None, description=_COLUMNS)


class OfCsv(OfColumns):
    """Rows of CSV files."""

    types: dict[str, str] = Field(
        default={},
        description="What a column's texts become: int, float, bool, str, or a function as in datetime.date.fromisoformat.",
    )
    delimiter: str = Field(default=",", description="What separates fields.")


class OfFiles(OfPath):
    """Whole files."""

    recursive: bool = Field(default=False, description="Whether folders below are looked through.")


class OfSql(dg.Model):
    """Rows of a database."""

    query: str = Field(description="One statement that gives rows, in the database's own SQL.")
    connection: str = Field(
        description="env:NAME for a URL of SQLAlchemy's in an environment variable, or the URL."
    )
    columns: list[str] | None = Field(default=None, description=_COLUMNS)


class OfAsset(dg.Model):
    """The value of another asset, loaded through the project's own IO manager."""

    asset: str = Field(description="The asset's key, as in orders or raw/orders.")
    columns: list[str] | None = Field(default=None, description=_COLUMNS)
    type: str | None = Field(
        default=None, description="What the IO manager is asked for, as in pandas.DataFrame."
    )


class Over(dg.Model):
    """Where the items come from. Exactly one of these is given."""

    text_lines: OfPath | None = Field(default=None, description="Lines of text files.")
    integer_lines: OfPath | None = Field(default=None, description="Integers, one a line.")
    json_lines: OfColumns | None = Field(default=None, description="A JSON value a line.")
    csv: OfCsv | None = Field(default=None, description="Records of CSV files with a header.")
    parquet: OfColumns | None = Field(default=None, description="Rows of Parquet files.")
    files: OfFiles | None = Field(
        default=None, description="Whole files: the function gets a handle of each."
    )
    sql: OfSql | None = Field(default=None, description="Rows that a query gives.")
    upstream: OfAsset | None = Field(default=None, description="The value of another asset.")

    @model_validator(mode="after")
    def _one(self) -> Over:
        if len(self.model_fields_set) != 1:
            names = ", ".join(type(self).model_fields)
            raise ValueError(f"over names exactly one of {names}")
        return self


_MAKE: dict[str, Callable[..., Source | Upstream]] = {
    "text_lines": TextLines,
    "integer_lines": IntegerLines,
    "json_lines": JsonLines,
    "csv": Csv,
    "parquet": Parquet,
    "files": Files,
    "sql": Sql,
    "upstream": Upstream,
}


def over_of(context: dg.ResolutionContext, model: Over) -> Source | Upstream:
    """The source, or the upstream asset, as `fanout_asset` takes it."""
    (name,) = model.model_fields_set
    given = context.resolve_value(getattr(model, name).model_dump(exclude_unset=True))
    if "types" in given:
        given["types"] = {column: _type(text) for column, text in given["types"].items()}
    if name == "upstream" and "type" in given:
        given["type"] = named(given["type"])
    return _MAKE[name](**given)


def _type(text: str) -> Callable[[str], Any]:
    return _TYPES[text] if text in _TYPES else named(text)


def named(text: str) -> Any:
    """What a dotted name stands for, as in `scoring.score`. Raises ValueError where there is no such thing."""
    module, _, attribute = text.rpartition(".")
    tried: Exception | None = None
    while module:
        try:
            return attrgetter(attribute)(import_module(module))
        except ModuleNotFoundError as error:
            if error.name is None or not module.startswith(error.name):
                raise
            tried = error
        except AttributeError as error:
            raise ValueError(f"{text!r}: {error}") from None
        module, _, part = module.rpartition(".")
        attribute = f"{part}.{attribute}"
    raise ValueError(
        f"{text!r} cannot be imported{f': {tried}' if tried else ': name its module, as in scoring.score'}"
    )
