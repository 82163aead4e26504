"""What starting a worker process takes on this machine: kept from run to run, measured by what runs do anyway.

The file is in the user's cache folder. Where it cannot be read or written, each process learns anew.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from contextlib import suppress
from pathlib import Path

from fanout_pipeline.engine.system.cores import measured_cores

DEFAULT_START_SECONDS = 0.12
"""As measured on two cores of a server, before anything is known of the machine."""
_CHANGE = 1.2
"""A figure is written only where it differs from the known one by more than this factor."""
_learnt: dict[str, float] = {}


def start_seconds() -> float:
    """How long a worker process takes from being wanted to its first call."""
    if not _learnt:
        found = DEFAULT_START_SECONDS
        with suppress(OSError, RuntimeError, ValueError, TypeError, KeyError):
            kept = json.loads(_file().read_text())
            if kept["machine"] == _machine():
                found = min(60.0, max(0.01, float(kept["start_seconds"])))
        _learnt["start_seconds"] = found
    return _learnt["start_seconds"]


def learn_start_seconds(seconds: float) -> None:
    """A worker process has taken so long; half of it counts, as the machine may have been busy."""
    before = start_seconds()
    now = _learnt["start_seconds"] = (before + seconds) / 2
    if max(now, before) < _CHANGE * min(now, before):
        return
    with suppress(OSError, RuntimeError):  # No home, for example.
        path = _file()
        path.parent.mkdir(parents=True, exist_ok=True)
        written = path.with_name(f"{path.name}.{os.getpid()}")
        written.write_text(json.dumps({"machine": _machine(), "start_seconds": round(now, 4)}))
        written.replace(path)


def _machine() -> str:
    """What the figures hold for; others are measured where it changes."""
    cores = measured_cores().effective
    return " ".join([platform.node(), platform.machine(), sys.version.split()[0], str(cores)])


def _file() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "fanout_pipeline" / "costs.json"
