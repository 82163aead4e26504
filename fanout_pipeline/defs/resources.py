"""What a deployment sets: where the data is, and how much to fan out."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, Optional

import dagster as dg
from pydantic import Field

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
from fanout_pipeline.fanout.contract import Options
from fanout_pipeline.fanout.cores import effective_cores
from fanout_pipeline.fanout.policy import FailurePolicy


class DataFolder(dg.ConfigurableResource[Any]):
    """The folder that everything is read from and written to."""

    root: str = Field(
        default="data",
        min_length=1,
        description="Data root. Relative to the folder that Dagster was started in. The "
        "environment variable FANOUT_DATA sets it, too.",
    )

    def path(self, *names: str) -> Path:
        """A path under the root."""
        return Path(self.root, *names)


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
        "quarantine: all other items are finished, and those that failed are listed in "
        "failures.parquet.",
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
        "with or without the module (ConnectionError, requests.exceptions.Timeout).",
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


def failure_config(options: Options) -> dict[str, Any]:
    """The run config from which `Fanout` makes these options' policy for failed items."""
    config = asdict(options.failures)
    config["retry_on"] = list(options.failures.retry_on)
    return {name: value for name, value in config.items() if value is not None}


def default_resources() -> dict[str, dg.ConfigurableResource[Any]]:
    """The resources by the names that assets and run config use."""
    return {
        "data_folder": DataFolder(root=os.environ.get("FANOUT_DATA") or "data"),
        "fanout": Fanout(),
    }
