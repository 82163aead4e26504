"""Dagster's own ways as contenders: the chunk graph as a run of its own, in a process of its own."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from fanout_pipeline.defs import chunk_graph
from fanout_pipeline.defs.chunk_run import RECORD
from fanout_pipeline.defs.metered import FOLDER, read_meters
from fanout_pipeline.defs.resources import failure_config
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.run_record import RunRecord
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.registry import REFERENCE
from fanout_pipeline.engine.system.interpreter import command
from fanout_pipeline.engine.system.signals import interrupts_held
from fanout_pipeline.measuring.determinism import Judge
from fanout_pipeline.measuring.limits import TookTooLong
from fanout_pipeline.measuring.order_check import OrderCheck, check_order
from fanout_pipeline.measuring.step_phases import RunTimeline, StepSpan, run_phases
from fanout_pipeline.results.files.atomic import scratch_folder
from fanout_pipeline.results.read import Snapshot
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.sources.source import Version

_PROGRAM = """\
import time; began = time.time()
from fanout_pipeline.defs.chunk_run import run
run(began, {request!r})
"""


class RunFailed(Exception):
    """A run of Dagster's within a trial failed. The message ends with what it printed last."""


@dataclass(frozen=True, slots=True)
class DagsterRun:
    """The asset `<name>/dagster_multiprocess`, materialized by one of the executors."""

    name: str
    """One of WAYS."""
    spec: FanoutSpec
    pointer: str
    """Where the code location is: a serialized code pointer of Dagster's."""
    root: Path
    """The data root of the trials: it has the source and the reference's results."""
    options: Options
    chunks: int | None = None
    judge: Judge | None = None

    warms_up = False

    def run(self, again: bool, limit_seconds: float | None = None) -> RunRecord:
        with scratch_folder(self.root, "run-") as folder:
            began = time.time()
            self._execute(folder, limit_seconds)
            ended = time.time()
            return self._record(folder, began, ended)

    def check(self, run: RunRecord) -> OrderCheck:
        ours = Snapshot.of(self._results)
        theirs = Snapshot.of(self.root / self.spec.name / REFERENCE)
        found = check_order(ours, theirs, self.spec.tolerance)
        return (self.judge or Judge(self.spec)).judged(found, ours, theirs, keeps_order=True)

    @property
    def _results(self) -> Path:
        return self.root / self.spec.name / chunk_graph.NAME

    def _execute(self, folder: Path, limit_seconds: float | None) -> None:
        fanout = {"workers": self.options.workers} | failure_config(self.options)
        if self.chunks:
            fanout["chunks"] = self.chunks
        resources = {"data_folder": {"root": str(self.root)}, "fanout": fanout}
        run_config: dict[str, Any] = {
            "resources": {name: {"config": config} for name, config in resources.items()}
        }
        if self.name != "dagster_in_process":
            run_config["execution"] = {"config": {"max_concurrent": self.options.workers}}
        request = {
            "folder": str(folder),
            "pointer": self.pointer,
            "key": [self.spec.name, chunk_graph.NAME],
            "way": self.name,
            "run_config": run_config,
        }
        program = _PROGRAM.format(request=request)
        output = folder / "output.txt"
        process = None
        try:
            with output.open("wb") as printed, interrupts_held():
                process = subprocess.Popen(
                    command(program),
                    stdin=subprocess.PIPE,
                    stdout=printed,
                    stderr=printed,
                    env=os.environ | {FOLDER: str(folder)},
                    start_new_session=True,
                )
            with _watched(process, limit_seconds):
                process.wait()
        finally:
            if process is not None:
                with interrupts_held():
                    _end(process)
        if process.returncode or not (folder / RECORD).exists():
            last = output.read_text(errors="replace")[-4000:]
            raise RunFailed(
                f"The run of the chunk graph for the trial {self.name} failed with exit code "
                f"{process.returncode}. Its last output:\n{last}"
            )

    def _record(self, folder: Path, began: float, ended: float) -> RunRecord:
        if ended <= began:
            raise RunFailed(
                f"The clock was set back during the trial {self.name}: its times say nothing."
            )
        record = json.loads((folder / RECORD).read_text())
        metadata = record["metadata"]
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
        timeline = RunTimeline(
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
                "gather": metadata["commit_seconds"],
            },
            check_seconds=metadata["check_seconds"],
        )
        start = timeline.imported - began
        stop = timeline.ended - timeline.executed
        commit = metadata["commit_seconds"]
        own_cpu = 0.0 if not steps else metadata["cpu_seconds"]
        return RunRecord(
            strategy=self.name,
            wall_seconds=timeline.wall_seconds,
            start_seconds=start,
            run_seconds=timeline.wall_seconds - start - stop - commit,
            stop_seconds=stop,
            commit_seconds=commit,
            cpu_seconds=record["cpu_seconds"] + own_cpu,
            peak_rss_bytes=metadata["peak_rss_bytes"],
            items=metadata["items"],
            workers=metadata["workers"],
            worker_pids=tuple(metadata["worker_pids"]),
            chunks=metadata["chunks"],
            start_method=self.name.removeprefix("dagster_"),
            digest=metadata["digest"],
            input=Version("", 0, metadata["input_sha256"]),
            function_fingerprint=metadata["function_fingerprint"],
            failed=metadata["failed"],
            phases=run_phases(timeline, self.options.workers),
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the run: its steps are in its process group."""
    assert process.stdin is not None
    _kill(process)
    process.stdin.close()
    process.wait()


@contextmanager
def _watched(process: subprocess.Popen[bytes], limit_seconds: float | None) -> Iterator[None]:
    """Kill the process when the block takes so long; the block is to end with it. Raises TookTooLong."""
    if limit_seconds is None:
        yield
        return
    late = threading.Event()

    def end() -> None:
        late.set()
        _kill(process)

    # Not with a time-out of its own, for which Python looks at the process now and then only.
    watchdog = threading.Timer(limit_seconds, end)
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()
        watchdog.join()
    if late.is_set():
        raise TookTooLong(limit_seconds)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def code_pointer(run: dg.DagsterRun) -> str | None:
    """Where the code location of a run is; None where no other process could load it."""
    origin = run.job_code_origin
    if origin is None:
        return None
    pointer: Any = origin.repository_origin.code_pointer
    return dg.serialize_value(pointer)
