"""A part's file: which columns it has, how Parquet encodes them, and how it becomes one with those of others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow
from pyarrow import parquet

from fanout_pipeline.results.files.printable import printable
from fanout_pipeline.results.store.manifest import Manifest, PartRecord
from fanout_pipeline.results.types.arrow_types import cast, metadata_of, nulls, type_of
from fanout_pipeline.results.types.kinds import Kind


def schema_of(columns: Mapping[str, Kind]) -> pyarrow.Schema:
    """The schema of a part: `index`, and these columns."""
    fields = [
        pyarrow.field(name, type_of(kind), metadata=metadata_of(kind))
        for name, kind in columns.items()
    ]
    return pyarrow.schema([pyarrow.field("index", pyarrow.int64(), nullable=False), *fields])


def encoded(schema: pyarrow.Schema, groups: Iterable[pyarrow.Table]) -> memoryview:
    """A Parquet file with a row group for each table. Raises TypeError where Parquet has no such type."""
    # Delta encoding is the smallest and the fastest to write for integers: 19 ns an item, against 46
    # plain and 110 by default. Results seldom repeat, so a dictionary does not pay.
    integers = [field.name for field in schema if pyarrow.types.is_integer(field.type)]
    buffer = pyarrow.BufferOutputStream()
    try:
        with parquet.ParquetWriter(
            buffer,
            schema,
            compression="none" if len(integers) == len(schema) else "zstd",
            use_dictionary=False,
            column_encoding=dict.fromkeys(integers, "DELTA_BINARY_PACKED"),
        ) as writer:
            for group in groups:
                writer.write_table(group)
    except pyarrow.ArrowNotImplementedError as error:
        raise TypeError(f"Parquet cannot store these results: {error}") from None
    return memoryview(buffer.getvalue())


def conformed(
    batch: pyarrow.RecordBatch, part: PartRecord, manifest: Manifest
) -> pyarrow.RecordBatch:
    """Rows of a part with the columns that all parts have in common."""
    found, wanted = part.columns(manifest.unpack), manifest.columns
    if list(found.items()) == list(wanted.items()) and batch.schema.types[1:] == [
        type_of(kind) for kind in wanted.values()
    ]:
        return batch
    arrays = [batch["index"]]
    for name, kind in wanted.items():
        if name in found:
            try:
                arrays.append(cast(batch[name], found[name], kind))
            except pyarrow.ArrowInvalid as error:  # of integers that no float equals
                raise TypeError(
                    f"the column {printable(repr(name), 100)} has no type that holds all its values ({error}): "
                    "leave it out of keep"
                ) from None
        else:  # No dict of this part has the field.
            arrays.append(nulls(len(batch), kind))
    return pyarrow.RecordBatch.from_arrays(arrays, schema=schema_of(wanted))


def result_of(batch: pyarrow.RecordBatch, manifest: Manifest) -> pyarrow.Array:
    """The results of conformed rows as one column of the manifest's kind."""
    if not manifest.unpacks:
        return batch["result"]
    stored = type_of(manifest.kind)
    if not manifest.kind:
        return pyarrow.array([{}] * len(batch), stored)
    return pyarrow.StructArray.from_arrays(
        [batch[field.name] for field in stored], fields=list(stored)
    )
