"""The resource `fanout`, which says how to make the calls, and all resources of a code location."""

from dataclasses import fields
from typing import Any, Literal, Optional

import dagster as dg
from pydantic import Field

from fanout_pipeline.defs.config.bounds import (
    Backoff,
    Chunks,
    Concurrency,
    ErrorName,
    ItemCount,
    Limit,
    Mebibytes,
    Rate,
    Retries,
    Share,
    Wait,
    Workers,
)
from fanout_pipeline.defs.config.data_folder import DataFolder
from fanout_pipeline.defs.config.data_root import default_root
from fanout_pipeline.defs.shared.json_io_manager import IO_MANAGER, json_io_manager
from fanout_pipeline.engine.model.options import Options


class Fanout(dg.ConfigurableResource[Any]):
    """How to make the calls of every strategy. The defaults suit the machine that the run is on."""

    workers: Optional[Workers] = Field(  # noqa: UP045 (the type is an object, which has no |)
        default=None,
        description="Workers of each strategy. Default: the effective cores, the least of CPU "
        "affinity, cgroup quota and the environment variable FANOUT_WORKERS; auto has fewer where more do not pay, "
        "and more where calls wait.",
    )
    chunks: Optional[Chunks] = Field(  # noqa: UP045
        default=None,
        description="Exact number of chunks to cut the source into. Default: sized during the run by "
        "measured time, at most as large as the source allows (text files: 2 MiB). dagster_multiprocess: "
        "two a worker, at most four times that, because each is a step.",
    )
    start_method: Literal["forkserver", "spawn"] = Field(
        default="forkserver",
        description="How queue, indexed_queue and pool_map start their processes. fork is not offered: a "
        "step's process has threads.",
    )

    concurrency: Concurrency = Field(
        default=100,
        description="Most calls of an async function that asyncio, or auto, has in flight at a time: as many as "
        "the called service, the client's connection pool and the limit on open files allow.",
    )
    recycle_after: Optional[ItemCount] = Field(  # noqa: UP045
        default=None,
        description="After how many of its calls a worker closes the value that the fan-out's setup has made, and "
        "makes it anew. Default: never.",
    )

    on_error: Literal["fail", "quarantine"] = Field(
        default="fail",
        description="fail: the first item on which the function raises ends the run; the error names it. "
        "quarantine: all other items are finished, and those that failed or cannot be read are listed in "
        "_failures.parquet. Refused by queue, indexed_queue and pool_map, as retries are.",
    )
    failed_items: Literal["null", "omit"] = Field(
        default="null",
        description="What the results contain for an item in quarantine: a null, or no row.",
    )
    failed_share: Share = Field(
        default=0.05,
        description="Up to this share of failed items the check `failures` is a warning; beyond it, an "
        "error.",
    )
    retries: Retries = Field(
        default=0, description="Most further calls of an item on which the function raised."
    )
    retry_on: list[ErrorName] = Field(
        default=["Exception"],
        description="Errors to retry: names of their classes or of base classes, plain or qualified by "
        "their module or a package around it (ConnectionError, requests.Timeout, "
        "fanout_pipeline.WorkerDied).",
    )
    backoff_seconds: Backoff = Field(
        default=0.1,
        description="Wait before the first retry. It doubles with each further retry, plus a random "
        "share of up to as much again; a minute at most.",
    )
    record_items: bool = Field(
        default=True,
        description="Whether failed items, errors and logs have the text of items. Without it they have the place and "
        "the type of the error, its message unless that has text of the item, and metadata have no first results.",
    )
    item_timeout_seconds: Optional[Limit] = Field(  # noqa: UP045
        default=None,
        description="A call that takes longer is ended, and its item counts as failed. Applied by "
        "multiprocess, asyncio and auto. Other strategies cannot end a call, and log a warning; queue, "
        "indexed_queue and pool_map refuse the limit.",
    )
    per_second: Optional[Rate] = Field(  # noqa: UP045
        default=None,
        description="Most calls a second of all workers together, retries included; a batch is one call. Default: "
        "no limit. Refused by queue, indexed_queue and pool_map, as the other limits of calls are.",
    )
    burst: Optional[ItemCount] = Field(  # noqa: UP045
        default=None,
        description="Most calls at once after a pause, and at the beginning, where per_second is set. Default: 1, "
        "calls are evenly spaced.",
    )
    retry_after: Optional[Backoff] = Field(  # noqa: UP045
        default=None,
        description="Seconds for which all calls hold back after an error that retry_on names. The call is then made "
        "again, 20 times at most, which uses up none of its retries. (A Retry-After header is read by a function, "
        "which only code can give: see docs/limits.md.)",
    )
    budget_seconds: Optional[Limit] = Field(  # noqa: UP045
        default=None,
        description="Time after which no further call is begun, and the step fails. What was done is kept for the "
        "next run, if `resume` is set.",
    )
    budget_calls: Optional[ItemCount] = Field(  # noqa: UP045
        default=None,
        description="Number of calls, retries included, after which the step fails in the same way. A batch is one "
        "call.",
    )
    worker_memory_mb: Optional[Mebibytes] = Field(  # noqa: UP045
        default=None,
        description="Most resident memory, in MiB, that a worker process of multiprocess or auto may have: "
        "one with more is ended. Default: no limit.",
    )
    resume: bool = Field(
        default=True,
        description="Whether a run reuses the chunks that an earlier run of the same asset had "
        "finished when it died, failed or was cancelled. Nothing is reused where the function, its "
        "dependencies, the input or the chunks have changed; where the handling of failed items has "
        "changed, chunks with failed items are done again. (queue, indexed_queue and pool_map cannot be "
        "resumed.)",
    )
    lock_wait_seconds: Wait = Field(
        default=600.0,
        description="For how long a run waits while another one writes to the same results, which its log names. "
        "Then the step fails. (Runs of dagster_multiprocess do not wait.)",
    )
    verify: Share = Field(
        default=0.0,
        description="Results are checked against those of serial. Where serial has no results of the same "
        "input and function, they are counted, their order is proved from the chunks, and this share of "
        "the items is called again for comparison (0.01: one in a hundred, spread over the input, in "
        "one worker process; 1: all of them, one after the other). queue, which keeps no order, is "
        "compared only if it is 1.",
    )

    def options(self) -> Options:
        """The engine's options, with the effective cores where no number of workers is set."""
        named = (one.name for one in fields(Options) if one.name in type(self).model_fields)
        found = {name: getattr(self, name) for name in named}
        return Options(**found | {"retry_on": tuple(self.retry_on)})

    def timed_options(self) -> Options:
        """The options of runs that are timed. Raises Failure where a budget would end them half-way."""
        options = self.options()
        if options.budget_seconds is not None or options.budget_calls is not None:
            raise dg.Failure(
                "Timed runs call the function on the whole input several times for each strategy, and a budget "
                "would end them half-way. Leave out budget_seconds and budget_calls, and time a smaller input."
            )
        return options


def failure_config(options: Options) -> dict[str, Any]:
    """Run config of `Fanout` that gives these options' failure policy and rate.

    Without a function that says how long to hold back: config cannot hold one.
    """
    config = options.failures.settings()
    config["retry_on"] = list(options.retry_on)
    config |= {"per_second": options.per_second, "burst": options.burst}
    return {name: value for name, value in config.items() if not (value is None or callable(value))}


def default_resources() -> dict[str, Any]:
    """The resources by the names that assets and run config use."""
    return {
        "data_folder": DataFolder(root=default_root()),
        "fanout": Fanout(),
        IO_MANAGER: json_io_manager,
    }
