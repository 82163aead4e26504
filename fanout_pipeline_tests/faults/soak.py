"""A program: many materializations in one process; prints what it held after each, a line of JSON each.

python -m fanout_pipeline_tests.faults.soak TIMES FOLDER
"""

import gc
import json
import os
import sys
import tempfile
import threading
from pathlib import Path

import dagster as dg
import psutil

from fanout_pipeline.defs.assets.numbers import SQUARES, numbers_file
from fanout_pipeline.defs.config.data_folder import DataFolder
from fanout_pipeline.defs.config.resources import Fanout
from fanout_pipeline.defs.lab.factory import fanout_assets
from fanout_pipeline.defs.shared.json_io_manager import IO_MANAGER, json_io_manager

STRATEGIES = ("serial", "threads", "multiprocess", "vectorized")
COUNT = 2000


def shared_memory():
    """The blocks of this program that have a name; other programs' tests make some, too."""
    return [name for name in os.listdir("/dev/shm") if name.startswith(f"pym-{os.getpid()}-")]


def held(data):
    """What this process has, and what its runs have left."""
    gc.collect()
    own = psutil.Process()
    files = [path for path in data.rglob("*") if path.is_file()]
    return {
        "descriptors": own.num_fds(),
        "threads": threading.active_count(),
        "processes": len(own.children(recursive=True)),
        "shared memory": len(shared_memory()),
        "temporary files": len(os.listdir(tempfile.gettempdir())),
        "files": len(files),
        "rss": own.memory_info().rss,
    }


def main(times, folder):
    data = Path(folder) / "data"
    wanted = {f"squares/{name}" for name in STRATEGIES}
    assets = [a for a in fanout_assets(SQUARES) if a.key.to_user_string() in wanted]
    resources = {
        "data_folder": DataFolder(root=str(data)),
        "fanout": Fanout(workers=2),
        IO_MANAGER: json_io_manager,
    }
    config = {"ops": {"numbers_file": {"config": {"count": COUNT}}}}
    with dg.DagsterInstance.local_temp(folder) as instance:
        for number in range(int(times)):
            # All once, then one after the other: that is what a step does.
            asset = assets[number % len(assets)]
            selected = [numbers_file, *assets] if number == 0 else [numbers_file, asset]
            result = dg.materialize(
                selected, instance=instance, resources=resources, run_config=config
            )
            assert result.success
            sys.stdout.write(json.dumps(held(data)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
