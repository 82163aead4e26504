"""Parts of a Dagster instance that time themselves, for trials of Dagster's executors.

Each process of such a run appends to a file of its own, in the folder that the environment variable FOLDER
names, a line for each operation: phase, begin (seconds since the epoch), duration in seconds.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import psutil

# The event log that Dagster uses by default, which is not public.
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage
from upath import UPath

from fanout_pipeline.defs.shared.json_io_manager import JsonIOManager
from fanout_pipeline.measuring.trials.dagster_phases import Operation

FOLDER = "FANOUT_METER"
"""Name of the environment variable."""
_PROCESS = "process"
_files: dict[int, int] = {}
"""Descriptor of this process's file, by process id, because a forked process needs its own."""


class MeteredEventLog(SqliteEventLogStorage):
    """Dagster's default event log, timed."""

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "MeteredEventLog":
        return cls(
            inst_data=inst_data, **config_value
        )  # the base class would return an object of its own class

    def store_event(self, event: dg.EventLogEntry) -> None:
        with _timed("event_log"):
            super().store_event(event)


class MeteredJsonIOManager(JsonIOManager):
    """The IO manager of chunk steps, timed."""

    def dump_to_path(self, context: dg.OutputContext, obj: Any, path: UPath) -> None:
        with _timed("io"):
            super().dump_to_path(context, obj, path)

    def load_from_path(self, context: dg.InputContext, path: UPath) -> Any:
        with _timed("io"):
            return super().load_from_path(context, path)


@dg.io_manager(description="JSON files in the instance's storage folder, timed.")
def metered_json_io_manager(context: dg.InitResourceContext) -> MeteredJsonIOManager:
    assert context.instance is not None
    return MeteredJsonIOManager(base_path=UPath(context.instance.storage_directory()))


def read_meters(folder: Path) -> tuple[dict[int, float], list[Operation]]:
    """Begin of each process by its id, and all operations."""
    began: dict[int, float] = {}
    operations = []
    for file in folder.glob("*.meter"):
        pid = int(file.stem)
        for line in file.read_text().splitlines():
            phase, begin, seconds = line.split()
            if phase == _PROCESS:
                began[pid] = float(begin)
            else:
                operations.append(Operation(pid, phase, float(begin), float(seconds)))
    return began, operations


@contextmanager
def _timed(phase: str) -> Iterator[None]:
    began, begin = time.time(), time.perf_counter()
    yield
    line = f"{phase} {began} {time.perf_counter() - begin}\n"
    os.write(_file(), line.encode())


def _file() -> int:
    pid = os.getpid()
    if pid not in _files:
        name = Path(os.environ[FOLDER], f"{pid}.meter")
        _files[pid] = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW)
        created = psutil.Process().create_time()
        os.write(_files[pid], f"{_PROCESS} {created} 0\n".encode())
    return _files[pid]
