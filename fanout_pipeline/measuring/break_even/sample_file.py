"""Samples on disk, so that a sweep that was killed continues where it stopped.

One Parquet file, replaced as a whole after each run (some milliseconds, outside the timing). Its schema
says what the samples were measured on: once any of that has changed, they are not used.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from fanout_pipeline.measuring.break_even.added_cost import Calibration, Cost, calibrate
from fanout_pipeline.measuring.break_even.grid import Cell, Sample
from fanout_pipeline.results.files.atomic import make_folder, replacing

_BASIS = b"made_of"
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
    basis: dict[str, Any]
    """Function, source, options, machine, version (see `sample_basis`)."""
    calibration: Calibration
    """How burns are calibrated: a sweep that continues has to burn as many loops as before."""
    samples: list[Sample] = field(default_factory=list)

    def append(self, sample: Sample) -> None:
        """Add a sample and write the file."""
        self.samples.append(sample)
        calibration = [self.calibration.loops_per_second, self.calibration.call_seconds]
        schema = _SCHEMA.with_metadata(
            {
                _BASIS: json.dumps(self.basis, sort_keys=True),
                _CALIBRATION: json.dumps(calibration),
            }
        )
        rows = [
            {
                "strategy": sample.strategy,
                "cost_seconds": sample.cell.cost.seconds,
                "waits": sample.cell.cost.waits,
                "items": sample.cell.items,
                "workers": sample.workers,
                "seconds": sample.seconds,
            }
            for sample in self.samples
        ]
        table = pyarrow.Table.from_pylist(rows, schema=schema)
        make_folder(self.path.parent)
        with replacing(self.path, durable=False) as file:
            parquet.write_table(table, file)


def earlier_samples(path: Path, basis: dict[str, Any]) -> SampleFile | None:
    """What an earlier sweep left on the same basis; None if there is nothing that can be read."""
    try:
        table = parquet.read_table(path)
        metadata = table.schema.metadata
        if json.loads(metadata[_BASIS]) != json.loads(json.dumps(basis)):
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
    return SampleFile(path, basis, calibration, samples)


def open_samples(
    path: Path, basis: dict[str, Any], fresh: bool, log: Callable[[str], object]
) -> SampleFile:
    """The file of an earlier sweep on the same basis, unless `fresh`; otherwise a new one."""
    earlier = None if fresh else earlier_samples(path, basis)
    if earlier is not None:
        log(
            f"Continuing with {len(earlier.samples):,} timed runs in {path}; set fresh: true to start "
            "anew."
        )
        return earlier
    if path.exists():
        why = (
            "fresh is set"
            if fresh
            else "they are of a different function, input, machine or setting"
        )
        log(f"Starting anew: the timed runs in {path} are not used, because {why}.")
    return SampleFile(path, basis, calibrate())
