"""What the executor and the step server tell each other; see `step_server`."""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.reconstruct import ReconstructableJob
from dagster._core.definitions.repository_definition import RepositoryLoadData
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.execution.retries import RetryMode
from dagster._core.instance.ref import InstanceRef


@dataclass(frozen=True, slots=True)
class Setup:
    """What all steps of a run have in common."""

    preload: Sequence[str]
    """Modules to import beside those that the code location imports."""
    instance: InstanceRef
    run: dg.DagsterRun
    job: ReconstructableJob
    load_data: RepositoryLoadData | None


@dataclass(frozen=True, slots=True)
class Launch:
    """Start a step."""

    number: int
    """Of the process: a step that is tried again has another one, maybe before the first ended."""
    step_key: str
    known_state: KnownExecutionState | None
    retry_mode: RetryMode | None


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Interrupt a step's process, as Ctrl-C would."""

    number: int


@dataclass(frozen=True, slots=True)
class Ready:
    """The server has loaded everything, or could not."""

    error: str | None


@dataclass(frozen=True, slots=True)
class Ended:
    """A step's process has ended."""

    number: int
    exit_code: int
