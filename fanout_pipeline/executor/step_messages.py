"""Messages between the executor and the step server; see `step_server` for who sends which."""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from fanout_pipeline.executor.dagster_internals import (
    InstanceRef,
    KnownExecutionState,
    ReconstructableJob,
    RepositoryLoadData,
    RetryMode,
)


@dataclass(frozen=True, slots=True)
class Setup:
    """What all steps of a run have in common."""

    preload: Sequence[str]
    """Modules to import in addition to those that the code location imports."""
    instance: InstanceRef
    """The Dagster instance that steps write their events to."""
    run: dg.DagsterRun
    """The run that the steps belong to."""
    job: ReconstructableJob
    """The job, as a reference by which the code location finds it."""
    load_data: RepositoryLoadData | None
    """What loading the code location has computed once for all processes, if anything."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Start a step."""

    number: int
    """Number of the process: a retried step gets a new one, perhaps before its first has ended."""
    step_key: str
    """Dagster's key of the step."""
    known_state: KnownExecutionState | None
    """What earlier steps of the run have produced, as far as this step needs it."""
    retry_mode: RetryMode | None
    """Whether the step may ask to be retried."""


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Interrupt a step's process, as Ctrl-C would."""

    number: int
    """Number of the process, from its `Launch`."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The server has loaded everything, or has failed to."""

    error: str | None
    """Traceback of the failure; None where everything is loaded."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A step's process has ended."""

    number: int
    """Number of the process, from its `Launch`."""
    exit_code: int
    """Exit code, negative for a signal."""
