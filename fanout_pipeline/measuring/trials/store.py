"""Trials on disk: one Parquet file a run, one row a trial; what they have in common is its metadata.

`<name>/trials/<began>-<run id>.parquet`; pandas.read_parquet of the folder gives the rows of all runs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from fanout_pipeline.engine.timing.phases import FORMER_PHASES, PHASES
from fanout_pipeline.measuring.trials.trial import Trial
from fanout_pipeline.results.files.atomic import make_folder, replacing
from fanout_pipeline.results.store.manifest import NoResults

_KEY = b"fanout_pipeline"
_TYPES = {
    "str": pyarrow.string(),
    "int": pyarrow.int64(),
    "bool": pyarrow.bool_(),
    "float": pyarrow.float64(),
    "float | None": pyarrow.float64(),
}


@dataclass(frozen=True, slots=True)
class TrialRun:
    """What all trials of one run have in common."""

    name: str
    """The name of the fan-out."""
    run_id: str
    began: float
    """The time of the start in seconds since the epoch."""
    reference: str
    input_sha256: str
    function: str
    function_fingerprint: str
    """The fingerprint of the function, and of what the fan-out says that it depends on."""
    machine: dict[str, Any]
    options: dict[str, Any]
    """Rounds, budget, seed, workers, chunks."""
    remarks: tuple[str, ...] = ()
    """What a reader has to know: which strategies ran in fewer rounds, what was left out."""
    failures: dict[str, str] = field(default_factory=dict)
    """The errors of strategies that failed and were left out of all later rounds."""
    contradiction: str = ""
    """A sentence that says how the function contradicts itself, if it does."""
    other_load: float | None = None
    """The share of the cores, from 0 to 1, that other programs took; None in trials of earlier versions."""
    sample: str = ""
    """A sentence that says of which part of the input the trials are; empty if of all of it."""


def trial_file(folder: Path, run: TrialRun) -> Path:
    """The path of a run's trials; names sort by time."""
    stamp = datetime.fromtimestamp(run.began, UTC).strftime("%Y%m%dT%H%M%S")
    return folder / f"{stamp}-{run.run_id[:8]}.parquet"


def save_trials(path: Path, run: TrialRun, trials: Sequence[Trial]) -> None:
    """Write the whole file in one step. Raises CannotWrite."""
    make_folder(path.parent)
    schema = _schema().with_metadata({_KEY: json.dumps(asdict(run)).encode()})
    table = pyarrow.Table.from_pylist([_row(trial) for trial in trials], schema=schema)
    with replacing(path) as file:
        parquet.write_table(table, file, compression="zstd")


def load_trials(path: Path) -> tuple[TrialRun, list[Trial]]:
    """Raises NoResults where the file is missing or does not hold trials."""
    try:
        table = parquet.read_table(path)
        common = json.loads(table.schema.metadata[_KEY])
        common["remarks"] = tuple(common["remarks"])
        return TrialRun(**common), [_trial(row) for row in table.to_pylist()]
    except FileNotFoundError:
        raise NoResults(f"{path} is missing: materialize the trials again.") from None
    except (KeyError, TypeError, ValueError, pyarrow.ArrowInvalid) as error:
        raise NoResults(
            f"{path} holds no trials that this version can read ({error}): materialize them again."
        ) from error


def _schema() -> pyarrow.Schema:
    plain = [
        pyarrow.field(one.name, _TYPES[str(one.type)])
        for one in fields(Trial)
        if one.name != "phases"
    ]
    return pyarrow.schema(plain + [pyarrow.field(_column(p), pyarrow.float64()) for p in PHASES])


def _column(phase: str) -> str:
    return f"phase_{phase}_seconds"


def _row(trial: Trial) -> dict[str, Any]:
    row = asdict(trial)
    phases = row.pop("phases")
    return row | {_column(phase): phases.get(phase) for phase in PHASES}


def _trial(row: dict[str, Any]) -> Trial:
    names = {one.name for one in fields(Trial)}
    phases: dict[str, float] = {}
    for name, phase in ({phase: phase for phase in PHASES} | FORMER_PHASES).items():
        if (seconds := row.get(_column(name))) is not None:
            phases[phase] = phases.get(phase, 0.0) + seconds
    # A field that an earlier version did not write has its default, or is reported as missing.
    return Trial(phases=phases, **{name: row[name] for name in names & row.keys()})
