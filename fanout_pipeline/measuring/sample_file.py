"""Samples on disk, so that a sweep that was killed goes on where it stopped.

One Parquet file, replaced whole after each run (some milliseconds, outside the timing). Its schema
holds what the samples are of: where any of that has changed, they are not used.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from fanout_pipeline.measuring.burden import Calibration, Cost
from fanout_pipeline.measuring.sweep_grid import Cell, Sample
from fanout_pipeline.results.files.atomic import make_folder, replacing

_MADE_OF = b"made_of"
_CALIBRATION = b"calibration"
_SCHEMA = pyarrow.schema(
    [
        ("strategy", pyarrow.string()),
        ("cost_seconds", pyarrow.float64()),
        ("waits", pyarrow.bool_()),
        ("items", pyarrow.int64()),
        ("workers", pyarrow.int64()),
        ("seconds", pyarrow.float64()),
    ]
)


@dataclass(slots=True)
class SampleFile:
    """The samples of one sweep, in memory and at `path`."""

    path: Path
    made_of: dict[str, Any]
    """Function, source, options, machine, version."""
    calibration: Calibration
    """Of the burns: a sweep that goes on has to burn as many loops as before."""
    samples: list[Sample] = field(default_factory=list)

    def append(self, sample: Sample) -> None:
        """Add a sample and have it on disk."""
        self.samples.append(sample)
        rows = [
            (s.strategy, s.cell.cost.seconds, s.cell.cost.waits, s.cell.items, s.workers, s.seconds)
            for s in self.samples
        ]
        schema = _SCHEMA.with_metadata(
            {
                _MADE_OF: json.dumps(self.made_of, sort_keys=True),
                _CALIBRATION: json.dumps(
                    [self.calibration.loops_per_second, self.calibration.call_seconds]
                ),
            }
        )
        columns = zip(*rows, strict=True)
        table = pyarrow.table(
            [
                pyarrow.array(column, kind.type)
                for column, kind in zip(columns, schema, strict=True)
            ],
            schema=schema,
        )
        make_folder(self.path.parent)
        with replacing(self.path, durable=False) as file:
            parquet.write_table(table, file)


def earlier_samples(path: Path, made_of: dict[str, Any]) -> SampleFile | None:
    """What an earlier sweep left, if it is of the same; None else, and where it cannot be read."""
    try:
        table = parquet.read_table(path)
        metadata = table.schema.metadata
        if json.loads(metadata[_MADE_OF]) != json.loads(json.dumps(made_of)):
            return None
        calibration = Calibration(*json.loads(metadata[_CALIBRATION]))
        samples = [
            Sample(
                row["strategy"],
                Cell(Cost(row["cost_seconds"], row["waits"]), row["items"]),
                row["workers"],
                row["seconds"],
            )
            for row in table.to_pylist()
        ]
    except (OSError, pyarrow.ArrowException, KeyError, TypeError, ValueError):
        return None
    return SampleFile(path, made_of, calibration, samples)
