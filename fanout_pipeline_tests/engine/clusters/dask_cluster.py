"""A real `dask scheduler` and `dask worker` processes on 127.0.0.1, on free ports, ended with the block."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from fanout_pipeline_tests.processes import wait_for

ROOT = Path(__file__).parents[3]


class DaskCluster:
    def __init__(self, folder):
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.processes = []
        self.hidden = None
        """A folder that workers which are started from now on do not see: theirs is empty."""
        self.scheduler = self._start("dask_scheduler", "--port", "0", "--scheduler-file", self.file)
        wait_for(self._has_address, 60, "address of the scheduler")

    def _has_address(self):
        with suppress(OSError, ValueError):
            return json.loads(self.file.read_text())["address"]
        return None

    @property
    def address(self):
        return self._has_address()

    def worker(self, *options, nanny=False):
        kind = ["--nanny"] if nanny else ["--no-nanny"]
        more = ("--scheduler-file", self.file, "--nthreads", "1", *kind, *options)
        return self._start("dask_worker", *more, "--local-directory", self.folder)

    def _start(self, program, *options):
        log = open(self.folder / f"{program}-{len(self.processes)}.log", "wb")  # noqa: SIM115
        command = [sys.executable, "-m", f"distributed.cli.{program}", "--host", "127.0.0.1"]
        if self.hidden is not None:
            hide = 'mount -t tmpfs none "$0" && exec "$@"'
            command = ["unshare", "--mount", "sh", "-c", hide, str(self.hidden), *command]
        command += ["--no-dashboard", "--dashboard-address", "127.0.0.1:0", *map(str, options)]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=self.folder, env=environment
        )
        log.close()
        self.processes.append(process)
        return psutil.Process(process.pid)

    def close(self):
        for process in reversed(self.processes):
            with suppress(psutil.NoSuchProcess):
                for one in psutil.Process(process.pid).children(recursive=True):
                    with suppress(psutil.NoSuchProcess):
                        one.kill()
            process.kill()
            process.wait()


@contextmanager
def dask_cluster(folder, workers=2, **how):
    cluster = DaskCluster(folder)
    try:
        for _ in range(workers):
            cluster.worker(**how)
        yield cluster
    finally:
        cluster.close()
