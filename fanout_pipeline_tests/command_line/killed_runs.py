"""A program: leaves in a data root what runs leave that are killed, each in another moment.

python -m fanout_pipeline_tests.command_line.killed_runs ROOT [again]

Each in a process of its own, killed by SIGKILL, and one that goes on until ROOT/go exists. `again`: the same work once
more, which is not killed this time.
"""

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

from fanout_pipeline import FanoutSpec, IntegerLines, Options, fan_out, write_results
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.scattered.scattered import ScatteredRun
from fanout_pipeline.results.files.atomic import replacing, scratch_folder
from fanout_pipeline.results.store import folder as store

ITEMS = 60
SERIAL = STRATEGIES["serial"]
OPTIONS = Options(strategy="serial", chunks=12)


def dies():
    os.kill(os.getpid(), signal.SIGKILL)


def doubled(ends, item):
    """The function; one that ends at an item."""
    if item == 40:
        ends()
    return 2 * item


def nothing():
    pass


def called(root, place, items, ends):
    return fan_out(partial(doubled, ends), items, folder=root / place, options=OPTIONS)


def half_way(root, ends):
    """With ledger, parts and earlier results."""
    called(root, "scored", range(ITEMS), ends)


def partition(root, ends):
    (root / "daily").mkdir(exist_ok=True)
    called(root, "daily/partition=2026-11-01", range(ITEMS), ends)


def spooling(root, ends):
    """With a spool and its index."""
    called(root, "spooled", iter(range(ITEMS)), ends)


def call(root, ends):
    """A call in a step, which has no earlier results."""
    called(root, "_calls/report/score", range(ITEMS), ends)


def committing(root, ends):
    """The results are visible, and what only the run needed is still there."""
    with replaced("is_of_the_run", ends):
        called(root, "committed", iter(range(ITEMS)), nothing)


def replacing_results(root, ends):
    """The results before are no more visible, and still there."""
    with replaced("remove_folder", ends):
        write_results(root / "replaced", range(ITEMS))


def replaced(name, ends):
    """The store with a function that ends."""
    from unittest.mock import patch

    before = getattr(store, name)
    return patch.object(store, name, lambda *given: (ends(), before(*given))[1])


def several_processes(root, ends):
    """As Dagster's steps do it: no process holds a lock."""
    numbers = root / "numbers.txt"
    numbers.write_text("".join(f"{n}\n" for n in range(ITEMS)))
    spec = FanoutSpec("steps", IntegerLines(str(numbers)), partial(doubled, nothing))
    run = ScatteredRun.join("steps", spec, root / "steps", Options(chunks=4), "run", rest=SERIAL)
    first = run.scatter()[0]
    answer = run.run_chunk(first.start, first.stop)
    ends()
    run.gather([answer])


def file(root, ends):
    with replacing(root / "report.json") as file:
        file.write(b"{}")
        ends()


def sweep(root, ends):
    (root / "squares" / "break_even").mkdir(parents=True, exist_ok=True)
    (root / "squares" / "break_even" / "_lock").touch()
    with scratch_folder(root / "squares", "_break_even-") as folder:
        (folder / "100.items").write_text("1\n" * 100)
        ends()


def lab(root, ends):
    """A comparison that was finished, and the trials after it, which were not."""
    for name in ("serial", "auto"):
        called(root, f"scored_lab/{name}", range(ITEMS), nothing)
    (root / "scored_lab" / "trials").mkdir(exist_ok=True)
    (root / "scored_lab" / "trials" / "20260101T000000-0a1b2c3d.parquet").write_bytes(b"PAR1")
    with store.ResultFolder(root / "scored_lab" / "trials").scratch() as scratch:
        (scratch / "part").write_text("")
        ends()


STATES = (
    half_way,
    partition,
    spooling,
    call,
    committing,
    replacing_results,
    several_processes,
    file,
    sweep,
    lab,
)
EARLIER = ("scored", "daily/partition=2026-11-01", "replaced", "alive")
"""What has results before."""


def waits(root):
    """Until the file is there; whoever waits says so first."""
    (root / "waits").touch()
    while not (root / "go").exists():
        time.sleep(0.01)


def main(root, again=None):
    root = Path(root)
    if again:
        for work in STATES:
            work(root, nothing)
        return
    (root / "daily").mkdir(parents=True)
    for place in EARLIER:
        write_results(root / place, [place] * ITEMS)
    for work in STATES:
        if (child := os.fork()) == 0:
            work(root, dies)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            sys.exit(f"{work.__name__} was not killed")
    called(root, "alive", range(ITEMS), partial(waits, root))


if __name__ == "__main__":
    main(*sys.argv[1:])
