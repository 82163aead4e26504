"""Dagster's executors as contenders in trials, each running the chunk graph in a run of its own."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg

from fanout_pipeline.defs.assets import chunk_graph
from fanout_pipeline.defs.config.resources import failure_config
from fanout_pipeline.defs.config.wiring import EXAMPLE, Wiring
from fanout_pipeline.defs.trial_runs.chunk_run import RECORD
from fanout_pipeline.defs.trial_runs.metered import read_meters
from fanout_pipeline.defs.trial_runs.run_process import RunFailed, execute
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.run_record import RunRecord
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.registry import REFERENCE
from fanout_pipeline.measuring.correctness.determinism import DeterminismTest
from fanout_pipeline.measuring.correctness.order_check import OrderCheck, check_order
from fanout_pipeline.measuring.trials.dagster_phases import RunTimeline, StepSpan, run_phases
from fanout_pipeline.results.files.atomic import scratch_folder
from fanout_pipeline.results.read import Snapshot
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.sources.source import Version


@dataclass(frozen=True, slots=True)
class DagsterRun:
    """The asset `<name>/dagster_multiprocess`, materialized under one of Dagster's executors."""

    name: str
    """Name of the trial, a key of DAGSTER_EXECUTORS."""
    spec: FanoutSpec
    """The fan-out, with its source under the trials' data root."""
    pointer: str
    """Dagster's code pointer to the code location, serialized."""
    root: Path
    """Data root of the trials, which has the source and the reference's results."""
    options: Options
    """How to make the calls."""
    determinism: DeterminismTest | None = None
    """Shared by all contenders, so that the function is called again once; None: one for each check."""
    wiring: Wiring = EXAMPLE
    """Where the run finds what it needs."""
    pinned: dict[str, Any] = field(default_factory=dict)
    """Config by which it has the same input."""
    data_root: Path | None = None
    """The data root that `root` lies in, where the run does not know it by itself."""

    warms_up = False
    remark = ""

    def run(self, again: bool, limit_seconds: float | None = None) -> RunRecord:
        """Run once; raises RunFailed or TookTooLong. Nothing stays warm, so `again` changes nothing."""
        with scratch_folder(self.root, "run-") as folder:
            began = time.time()
            try:
                execute(self._request(folder), folder, limit_seconds)
            except RunFailed as error:
                raise RunFailed(f"The run of the trial {self.name} failed. {error}") from None
            ended = time.time()
            if ended <= began:
                raise RunFailed(
                    f"The clock was set back during the trial {self.name}, so its times are useless."
                )
            return self._record(folder, began, ended)

    def check(self, run: RunRecord) -> OrderCheck:
        """Compare the latest run's results with the reference's."""
        ours = Snapshot.of(self._results)
        theirs = Snapshot.of(self.root / self.spec.name / REFERENCE)
        found = check_order(ours, theirs, self.spec.tolerance)
        return (self.determinism or DeterminismTest(self.spec)).judge(
            found, ours, theirs, keeps_order=True
        )

    @property
    def _results(self) -> Path:
        return self.root / self.spec.name / chunk_graph.NAME

    def _request(self, folder: Path) -> dict[str, Any]:
        fanout = {"workers": self.options.worker_count} | failure_config(self.options) | self.pinned
        if self.options.chunks:
            fanout["chunks"] = self.options.chunks
        run_config: dict[str, Any] = {"resources": self.wiring.resources_in(self.root, fanout)}
        if self.name != "dagster_in_process":
            run_config["execution"] = {"config": {"max_concurrent": self.options.worker_count}}
        return {
            "folder": str(folder),
            "pointer": self.pointer,
            "key": [self.spec.name, chunk_graph.NAME],
            "executor": self.name,
            "values_key": self.wiring.values_key,
            "data_root": None if self.data_root is None else str(self.data_root),
            "run_config": run_config,
        }

    def _record(self, folder: Path, began: float, ended: float) -> RunRecord:
        record = json.loads((folder / RECORD).read_text())
        metadata = record["metadata"]
        timeline = self._timeline(folder, record, began, ended)
        start_seconds = timeline.imported - began
        stop_seconds = timeline.ended - timeline.executed
        commit_seconds = metadata["commit_seconds"]
        steps_cpu_seconds = metadata["cpu_seconds"] if timeline.steps else 0.0
        return RunRecord(
            strategy=self.name,
            wall_seconds=timeline.wall_seconds,
            start_seconds=start_seconds,
            run_seconds=timeline.wall_seconds - start_seconds - stop_seconds - commit_seconds,
            stop_seconds=stop_seconds,
            commit_seconds=commit_seconds,
            cpu_seconds=record["cpu_seconds"] + steps_cpu_seconds,
            peak_rss_bytes=metadata["peak_rss_bytes"],
            items=metadata["items"],
            workers=metadata["workers"],
            worker_pids=tuple(metadata["worker_pids"]),
            chunks=metadata["chunks"],
            part_files=metadata["part_files"],
            start_method=self.name.removeprefix("dagster_"),
            digest=metadata["digest"],
            input=Version("", 0, metadata["input_sha256"]),
            function_fingerprint=metadata["function_fingerprint"],
            failed=metadata["failed"],
            retried=metadata["retried"],
            phases=run_phases(timeline, self.options.worker_count),
        )

    def _timeline(
        self, folder: Path, record: dict[str, Any], began: float, ended: float
    ) -> RunTimeline:
        processes, operations = read_meters(folder)
        steps = tuple(
            StepSpan(
                pid=step["pid"],
                launched=step["launched"],
                began=min(max(processes[step["pid"]], step["launched"]), step["started"]),
                started=step["started"],
                ended=step["ended"],
            )
            for step in record["steps"]
            if "pid" in step
        )
        parts = ResultFolder(self._results).manifest().parts
        return RunTimeline(
            began=began,
            imported=record["imported"],
            executed=record["executed"],
            ended=ended - record["reading_seconds"],
            pid=record["pid"],
            steps=steps,
            operations=tuple(operations),
            work={
                "read": sum(part.read_seconds for part in parts),
                "call": sum(part.call_seconds for part in parts),
                "write": sum(part.write_seconds for part in parts),
                "commit": record["metadata"]["commit_seconds"],
            },
            check_seconds=record["metadata"]["check_seconds"],
        )


def code_pointer(run: dg.DagsterRun) -> str | None:
    """Serialized pointer to the code location of a run; None where no other process could load it."""
    origin = run.job_code_origin
    if origin is None:
        return None
    pointer: Any = origin.repository_origin.code_pointer
    return dg.serialize_value(pointer)
