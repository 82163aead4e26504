"""Results back in order: as one DataFrame, or in batches for data larger than memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow
from pyarrow import parquet

from fanout_pipeline.parts.column import to_python
from fanout_pipeline.parts.folder import ResultFolder
from fanout_pipeline.parts.manifest import Manifest, NoResults, part_name

if TYPE_CHECKING:
    import pandas


def read_results(folder: str | Path) -> pandas.DataFrame:
    """All results, in the order of the items: columns `index` (int64) and `result`.

    Integers beyond int64 make `result` a column of Python ints (dtype object). Raises NoResults
    where the folder holds no complete results.
    """
    import pandas

    batches = list(iter_results(folder))
    if not batches:
        empty = pandas.Series([], dtype="int64")
        return pandas.DataFrame({"index": empty, "result": empty})
    return pandas.concat(batches, ignore_index=True)


def iter_results(folder: str | Path, batch_items: int = 65_536) -> Iterator[pandas.DataFrame]:
    """The results in order, in DataFrames of at most `batch_items` rows; `result` has one dtype."""
    import pandas

    wide = ResultFolder(Path(folder)).manifest().integer_text
    for batch in iter_batches(folder, batch_items):
        field = batch.schema.field("result")
        if wide:
            values = to_python(batch["result"], field.metadata)
            result = pandas.Series(values, dtype="object")
        else:
            result = batch["result"].to_pandas()
        yield pandas.DataFrame({"index": batch["index"].to_numpy(), "result": result})


def first_results(folder: str | Path, count: int) -> list[Any]:
    """The first few results as Python values, without reading the rest."""
    found: list[Any] = []
    for batch in iter_batches(folder, max(1, count)):
        metadata = batch.schema.field("result").metadata
        found += to_python(batch["result"], metadata)
        if len(found) >= count:
            break
    return found[:count]


def iter_batches(folder: str | Path, batch_items: int = 65_536) -> Iterator[pyarrow.RecordBatch]:
    """The results as stored, in order, as Arrow record batches of at most `batch_items` rows.

    Reads the generation that was visible when it began. Raises NoResults where there is none, or
    where a part is missing or does not hold what the manifest says.
    """
    # Resolved once, so that a commit in between does not mix two generations.
    generation = Path(folder).resolve()
    for part in Manifest.load(generation).parts:
        path = generation / part_name(part.number)
        try:
            with parquet.ParquetFile(path, memory_map=False) as file:
                if file.metadata.num_rows != part.items:
                    raise NoResults(
                        f"{path} holds {file.metadata.num_rows} items, its manifest says "
                        f"{part.items}: materialize the asset again."
                    )
                yield from file.iter_batches(batch_items, use_threads=False)
        except FileNotFoundError:
            if Path(folder).resolve() != generation:
                raise NoResults(f"{folder} was replaced while it was read: read again.") from None
            raise NoResults(
                f"{path} is missing, though the manifest names it: materialize the asset again."
            ) from None
        except pyarrow.ArrowInvalid as error:
            raise NoResults(f"{path} is damaged ({error}): materialize the asset again.") from error
