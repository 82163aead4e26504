"""What a deployment sets: where the data is, and how much to fan out."""

import os
from pathlib import Path
from typing import Any, Literal, Optional

import dagster as dg
from pydantic import Field

from fanout_pipeline.defs.bounds import Chunks, Concurrency, Workers
from fanout_pipeline.fanout.contract import Options
from fanout_pipeline.fanout.cores import effective_cores


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

    resume: bool = Field(
        default=True,
        description="Whether a run reuses the chunks that an earlier run of the same asset had "
        "finished when it died, failed or was cancelled. It does not where function, input, chunks "
        "or options have changed. (dagster_multiprocess: re-execute the run from failure.)",
    )

    def options(self) -> Options:
        return Options(
            self.workers or effective_cores(), self.start_method, concurrency=self.concurrency
        )


def default_resources() -> dict[str, dg.ConfigurableResource[Any]]:
    """The resources by the names that assets and run config use."""
    return {
        "data_folder": DataFolder(root=os.environ.get("FANOUT_DATA") or "data"),
        "fanout": Fanout(),
    }
