"""A program: runs with a key, each in a process of its own, which someone may kill, or which kills itself.

Reads a line of JSON for each run, prints the number of its process as it begins, and then a line of JSON: what it has
given, or null where it was killed.

python -m fanout_pipeline_tests.engine.incremental.runs_to_kill FOLDER
"""

import dataclasses
import json
import os
import signal
import sys
import time
from pathlib import Path

from fanout_pipeline import FanoutSpec, Options, Parquet
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline_tests.engine.incremental.functions import CALLS, append

CHANGES_OF_FILES = {
    "os.rename", "os.link", "os.symlink", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "open"
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Counted:
    """Doubles `a`, and writes down for which item it was called."""

    calls: Path
    seconds: float

    def __call__(self, item):
        append(self.calls, f"{item['id']} {item['a']}")
        time.sleep(self.seconds)
        return 2 * item["a"]


def run(root, strategy, chunks=None, seconds=0.0, die_at=None):
    """One run, of a spec that is the same for all; it is killed before the change of a file of number `die_at`."""
    spec = FanoutSpec(
        "counted",
        Parquet(str(root / "input.parquet"), columns=("id", "a")),
        Counted(root / CALLS, seconds),
        key="id",
        keep=("id", "note"),
        code_version="1",
    )
    if die_at is not None:
        _dies_at(die_at)
    options = Options(workers=2, chunks=chunks)
    folder = root / "results" / "counted"
    record = run_strategy(STRATEGIES[strategy], spec, folder, options, ledger=True, resume=True)
    return {"digest": record.digest, "called": record.changes.called}


def _dies_at(number):
    left = number

    def look(event, args):
        nonlocal left
        if event not in CHANGES_OF_FILES or (event == "open" and not _writes(args)):
            return
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    sys.addaudithook(look)


def _writes(opened):
    path, _, flags = opened
    return flags & (os.O_WRONLY | os.O_RDWR) and not str(path).endswith(CALLS)


def main(root):
    for line in sys.stdin:
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reading)
            os.setsid()
            with open(writing, "w") as answer:
                json.dump(run(Path(root), **json.loads(line)), answer)
            os._exit(0)
        os.close(writing)
        _tell(str(pid))
        with open(reading) as answer:
            given = answer.read()
        _, status = os.waitpid(pid, 0)
        if status not in (0, signal.SIGKILL):
            sys.exit(f"a run has ended with status {status}")
        _tell(given or "null")


def _tell(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
