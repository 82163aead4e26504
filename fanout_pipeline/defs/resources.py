"""What a deployment sets: where the data is, and how much to fan out."""

import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Optional, Self, TypeAlias, cast

import dagster as dg
from dagster._core.definitions.definition_config_schema import DefinitionConfigSchema
from pydantic import Field, PrivateAttr

from fanout_pipeline.defs.bounds import (
    Backoff,
    Chunks,
    Concurrency,
    ErrorName,
    Limit,
    Megabytes,
    Retries,
    Share,
    Workers,
)
from fanout_pipeline.defs.data_root import RootType, default_root, require_inside, value_of
from fanout_pipeline.defs.json_io_manager import IO_MANAGER, json_io_manager
from fanout_pipeline.engine.model.options import FailurePolicy, Options
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.system.cores import effective_cores
from fanout_pipeline.sources.source import path_of

if TYPE_CHECKING:
    Root: TypeAlias = str
else:
    Root = RootType()


class DataFolder(dg.ConfigurableResource[Any]):
    """The folder that everything is read from and written to.

    Code chooses it freely. Run config may choose a folder in it, and is refused otherwise.
    """

    root: Root = Field(
        default="data",
        description="Data root: in run config, a folder in the one that was deployed (environment "
        "variable FANOUT_DATA, else `data` in the folder that Dagster was started in), by its path from "
        "there or an absolute one.",
    )
    _deployed: str = PrivateAttr()
    _working_directory: str | None = PrivateAttr(None)

    def __init__(self, **fields: Any):
        super().__init__(**fields)
        self._deployed = self.root
        # What Dagster checks run config against, wherever this instance is a resource.
        state = self._state__internal__
        declared: Any = state.schema.config_type
        described = declared.fields["root"].description
        root = state.resolved_config_dict.get("root", self.root)
        field = dg.Field(RootType(self.root), default_value=root, description=described)
        schema = DefinitionConfigSchema(dg.Field({"root": field}, default_value={"root": root}))
        self._state__internal__ = state._replace(config_schema=schema)

    def _with_updated_values(self, values: Mapping[str, Any] | None) -> Self:
        """How Dagster makes the resource of a step from the deployed one and run config."""
        changed: Any = super()._with_updated_values(values)
        changed._deployed = self._deployed  # noqa: SLF001
        # Once more, for links may have been made since the run was created.
        require_inside(value_of(changed.root), value_of(self._deployed))
        return cast(Self, changed)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        self._working_directory = working_directory(context.run)

    def path(self, *names: str) -> Path:
        """A path under the root. Raises OutsideDataRoot where it leads out of the deployed one.

        The root may be a link: it is resolved here, and nothing is written through one below it.
        """
        path = Path(os.path.realpath(self.root), *names)
        require_inside(path, value_of(self._deployed))
        return path

    def placed(self, spec: FanoutSpec) -> FanoutSpec:
        """The fan-out with its source under the root, and the folder of the definitions to import from.

        Raises OutsideDataRoot where a link leads its source out of the deployed one. An absolute path
        is the choice of whoever wrote the fan-out.
        """
        here = spec.under(self.path())
        path = path_of(spec.source)
        if path is not None and not Path(path).is_absolute():
            require_inside(str(here.source), value_of(self._deployed))
        # A spec that was made when Dagster had loaded the module (`@dg.definitions`) does not know it.
        folder = self._working_directory
        if folder is None or folder in here.import_path:
            return here
        return replace(here, import_path=(folder, *here.import_path))


class Fanout(dg.ConfigurableResource[Any]):
    """How much to fan out. The defaults suit the machine that the run is on."""

    workers: Optional[Workers] = Field(  # noqa: UP045 (the type is an object, which has no |)
        default=None,
        description="Workers of each strategy. Default: the effective cores, the least of CPU "
        "affinity, cgroup quota and the environment variable FANOUT_WORKERS.",
    )
    chunks: Optional[Chunks] = Field(  # noqa: UP045
        default=None,
        description="Chunks to cut the source into, exactly. Default: chosen while the run goes "
        "on, by measured time, at most 2 MiB each (dagster_multiprocess: two a worker, 8 MiB, as "
        "each is a step).",
    )
    start_method: Literal["forkserver", "spawn"] = Field(
        default="forkserver",
        description="How queue, indexed_queue and pool_map start their processes. Not fork: a "
        "step's process has threads.",
    )

    concurrency: Concurrency = Field(
        default=100,
        description="Calls of an async function that asyncio has in flight at a time, at most. As "
        "many as what they call bears: connections of a client, open files, a rate limit.",
    )

    on_error: Literal["fail", "quarantine"] = Field(
        default="fail",
        description="fail: the first item on which the function raises ends the run, and is named. "
        "quarantine: all other items are finished, and those that failed, or that cannot be read, are "
        "listed in failures.parquet.",
    )
    failed_items: Literal["null", "omit"] = Field(
        default="null",
        description="What the results have for an item in quarantine: a null, or no row.",
    )
    failed_share: Share = Field(
        default=0.05,
        description="Up to this share of failed items the check `failures` warns; beyond, it is an "
        "error.",
    )
    retries: Retries = Field(
        default=0, description="Further calls of an item on which the function raised, at most."
    )
    retry_on: list[ErrorName] = Field(
        default=["Exception"],
        description="Which errors are worth a retry: names of their classes or of base classes, "
        "with or without the module that defines them (ConnectionError, "
        "requests.exceptions.Timeout; not requests.Timeout, a second name of it).",
    )
    backoff_seconds: Backoff = Field(
        default=0.1,
        description="Wait before the first retry; twice as long before each further one, and up to "
        "as much again by chance, a minute at most.",
    )
    item_timeout_seconds: Optional[Limit] = Field(  # noqa: UP045
        default=None,
        description="A call that takes longer is ended, and its item has failed. Applied by "
        "multiprocess, and by asyncio; others can end no call, and say so in the log.",
    )
    worker_memory_mb: Optional[Megabytes] = Field(  # noqa: UP045
        default=None,
        description="Resident memory that a worker process of multiprocess may have, in MiB. "
        "Default: as much as there is.",
    )
    resume: bool = Field(
        default=True,
        description="Whether a run reuses the chunks that an earlier run of the same asset had "
        "finished when it died, failed or was cancelled. It does not where function, input, chunks or "
        "what the function depends on have changed; where what is done with failed items has, those in "
        "which any failed are done anew. (queue, indexed_queue and pool_map have nothing to go on with.)",
    )
    verify: Share = Field(
        default=0.0,
        description="Results are checked against those of serial. Where serial has none of the same "
        "input and function, they are counted, their order is proved from the chunks, and this share of "
        "the items is called again to compare (0.01: one of a hundred, spread over the input, in one "
        "worker process; 1: all of them, one after the other). queue, which keeps no order, is compared "
        "with 1 only.",
    )

    def options(self) -> Options:
        return Options(
            self.workers or effective_cores(),
            self.start_method,
            concurrency=self.concurrency,
            failures=FailurePolicy(
                on_error=self.on_error,
                failed_items=self.failed_items,
                retries=self.retries,
                retry_on=tuple(self.retry_on),
                backoff_seconds=self.backoff_seconds,
                item_timeout_seconds=self.item_timeout_seconds,
            ),
            worker_memory_mb=self.worker_memory_mb,
        )


def working_directory(run: dg.DagsterRun | None) -> str | None:
    """What Dagster has on `sys.path` while it loads a run's definitions, if anything."""
    origin = run.job_code_origin if run is not None else None
    pointer = origin.repository_origin.code_pointer if origin is not None else None
    folder = getattr(pointer, "working_directory", None)
    return None if folder is None else os.path.join(os.getcwd(), folder)


def failure_config(options: Options) -> dict[str, Any]:
    """The run config from which `Fanout` makes these options' policy for failed items."""
    config = asdict(options.failures)
    config["retry_on"] = list(options.failures.retry_on)
    return {name: value for name, value in config.items() if value is not None}


def default_resources() -> dict[str, Any]:
    """The resources by the names that assets and run config use."""
    return {
        "data_folder": DataFolder(root=default_root()),
        "fanout": Fanout(),
        IO_MANAGER: json_io_manager,
        # Dagster's own unpickles files from a folder that run config may name.
        "io_manager": json_io_manager,
    }
