"""The parent's side of a trial: start its process, end all that it started, read its results back.

A process of its own, because what libraries leave behind (pools, daemons, threads, signal handlers, a
heap of a gigabyte that the next one would fork) would disturb whoever comes next.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from benchmarks.peers.contenders import REFERENCE, Contender
from benchmarks.peers.results import Results, compared, kept
from benchmarks.peers.trial import Request, Taken
from benchmarks.workloads.catalogue import Workload
from fanout_pipeline.engine.model.run_record import RunRecord
from fanout_pipeline.engine.system.signals import interrupts_held
from fanout_pipeline.measuring.correctness.order_check import OrderCheck
from fanout_pipeline.sources.source import Version

ROOT = Path(__file__).resolve().parents[2]
_SILENT = {
    "PYTHONWARNINGS": "ignore",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Ray's only way to loopback: it takes a machine for one that cannot be part of a cluster.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "DO_NOT_TRACK": "1",
}
_LAST_OUTPUT = 2000
_LONG_SECONDS = 0.5
"""Where the plain loop takes longer, a second run without worker processes tells nothing more."""


class TrialFailed(Exception):
    """The contender raised, died or took too long. The message ends with what it printed last."""


@dataclass(slots=True)
class Shared:
    """What all contenders of one workload have in common."""

    workload: Workload
    items: int
    workers: int
    loops_per_second: float
    seconds_at_most: float
    """A trial that takes longer is ended and has failed."""
    expected: Results | None = None
    """The plain loop's, once it has run; and what that took."""
    loop_seconds: float = 0.0
    import_seconds: dict[str, list[float]] = field(default_factory=dict)


@dataclass(slots=True)
class PeerTrial:
    """A contender on one workload: see `measuring.trials.round_plan.Contender`."""

    contender: Contender
    shared: Shared
    found: Results | None = None
    """What it gave in its last trial."""

    @property
    def name(self) -> str:
        return self.contender.name

    @property
    def warms_up(self) -> bool:
        return not self.contender.cluster

    @property
    def remark(self) -> str:
        return ""

    def run(self, again: bool, limit_seconds: float | None = None) -> RunRecord:
        shared = self.shared
        # A short path: Ray's sockets may have no longer ones.
        with tempfile.TemporaryDirectory(prefix="peer-", ignore_cleanup_errors=True) as scratch:
            taken = self._taken(Path(scratch), again)
            self.found = kept(Path(scratch) / "results.npy")
        if self.name == REFERENCE and shared.expected is None:
            shared.expected, shared.loop_seconds = self.found, taken.run_seconds
        shared.import_seconds.setdefault(self.name, []).append(taken.import_seconds)
        return RunRecord(
            strategy=self.name,
            wall_seconds=taken.cold_seconds,
            start_seconds=taken.start_seconds,
            run_seconds=taken.run_seconds,
            stop_seconds=taken.stop_seconds,
            commit_seconds=0.0,
            cpu_seconds=0.0,
            peak_rss_bytes=0,
            items=shared.items,
            workers=shared.workers,
            worker_pids=(),
            chunks=0,
            start_method="",
            digest=self.found.digest,
            input=Version(shared.workload.name, shared.items),
            function_fingerprint="",
            warm_seconds=self._warm(taken),
        )

    @property
    def _like_the_first(self) -> bool:
        return self.contender.alone and self.shared.loop_seconds > _LONG_SECONDS

    def _warm(self, taken: Taken) -> tuple[float, ...]:
        if self._like_the_first and taken.warm_seconds is None:
            return (taken.run_seconds,)
        return () if taken.warm_seconds is None else (taken.warm_seconds,)

    def check(self, run: RunRecord) -> OrderCheck:
        assert self.found is not None
        assert self.shared.expected is not None
        found, self.found = self.found, None
        return compared(found, self.shared.expected, self.shared.items)

    def _taken(self, scratch: Path, again: bool) -> Taken:
        shared = self.shared
        request = Request(
            module=self.contender.module,
            workload=shared.workload.name,
            loops_per_second=shared.loops_per_second,
            items=shared.items,
            workers=shared.workers,
            scratch=str(scratch),
            warm_runs=int(again and not self._like_the_first),
        )
        output = scratch / "output.txt"
        arguments = [sys.executable, "-m", "benchmarks.peers.trial", json.dumps(asdict(request))]
        environment = os.environ | _SILENT | {"PYTHONPATH": str(ROOT), "TMPDIR": str(scratch)}
        process, late = None, False
        try:
            with output.open("wb") as printed, interrupts_held():
                process = subprocess.Popen(
                    arguments,
                    cwd=ROOT,
                    env=environment,
                    stdin=subprocess.PIPE,  # its end ends the trial, should we be killed
                    stdout=printed,
                    stderr=printed,
                    start_new_session=True,
                )
            process.wait(shared.seconds_at_most)
        except subprocess.TimeoutExpired:
            late = True
        finally:
            if process is not None:
                with interrupts_held():
                    _end(process)
        if late:
            raise TrialFailed(f"took longer than {shared.seconds_at_most:g} s and was ended")
        record = scratch / "record.json"
        if process.returncode or not record.exists():
            last = output.read_text(errors="replace").strip()[-_LAST_OUTPUT:]
            reason = last.rpartition("\n")[2] or "no output"
            raise TrialFailed(f"{reason} (exit code {process.returncode})\n{last}")
        return Taken(**json.loads(record.read_text()))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the trial, its daemons included, and wait for it."""
    assert process.stdin is not None
    with suppress(psutil.Error):
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.Error):
                child.kill()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.stdin.close()
    process.wait()
