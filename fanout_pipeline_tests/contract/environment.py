"""A program: run a strategy into faults of the environment, mend each, run again, say what happened.

    python -m fanout_pipeline_tests.contract.environment NAME METHOD FOLDER FAULT ...

FAULT is a key of FAULTS, followed by its argument where it has one ("descriptors 16"). Prints a line
of JSON a fault: the error (null where the run succeeded), whether earlier results are as they were,
what is left behind, and whether a plain re-run, with the fault mended, is whole.
"""

import contextlib
import json
import resource
import subprocess
import sys
from pathlib import Path

import psutil

from fanout_pipeline import FanoutSpec, IntegerLines, Options, read_results
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline_tests.contract import functions
from fanout_pipeline_tests.results.layout import generations

COUNT = 400
ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def limited(kind, at_most):
    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (int(at_most), hard))
    try:
        yield functions.noise
    finally:
        resource.setrlimit(kind, (soft, hard))


def descriptors(disk, at_most):
    """`ulimit -n`."""
    return limited(resource.RLIMIT_NOFILE, at_most)


def file_size(disk, at_most):
    """`ulimit -f`, in bytes: no file may grow larger."""
    return limited(resource.RLIMIT_FSIZE, at_most)


@contextlib.contextmanager
def full_disk(disk):
    """The disk is full to the last byte."""
    with open(disk / "other", "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(512))
    yield functions.noise
    (disk / "other").unlink()


@contextlib.contextmanager
def read_only(disk):
    """The file system was remounted read-only, as the kernel does after an error."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    yield functions.noise
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)


@contextlib.contextmanager
def folder_removed(disk):
    """Someone removes what the run has written so far, while it runs."""
    hidden = disk / "squares" / "_runs" / "results"
    kept = (disk / "squares" / "results").resolve()
    yield functions.Removes(hidden, kept)


@contextlib.contextmanager
def nothing(disk):
    yield functions.noise


FAULTS = {
    "none": nothing,
    "descriptors": descriptors,
    "file size": file_size,
    "full disk": full_disk,
    "read-only": read_only,
    "folder removed": folder_removed,
}
MOUNTED = ("full disk", "read-only")
"""Those that need a file system of their own."""


def run(name, method, file, folder, function):
    batch = functions.Batch(function) if STRATEGIES[name].batch else None
    given = functions.Async(function) if STRATEGIES[name].awaits else function
    spec = FanoutSpec("squares", IntegerLines(str(file)), given, batch)
    options = Options(2, method)
    return run_strategy(STRATEGIES[name], spec, folder, options, chunks=4)


def contents(folder):
    return folder.readlink(), {path.name: path.read_bytes() for path in folder.iterdir()}


def left_behind(folder):
    """Generations but the visible one, aside files, processes but multiprocessing's own two."""
    found = {path.name for path in generations(folder) - {folder.resolve()}}
    found |= {path.name for path in folder.parent.rglob("*.tmp")}
    for child in psutil.Process().children():
        try:
            command = " ".join(child.cmdline())
        except (
            psutil.ZombieProcess
        ):  # multiprocessing looks after its dead forkserver when it needs one
            continue
        if "forkserver" not in command and "resource_tracker" not in command:
            found.add(command)
    return sorted(found)


def is_whole(folder):
    results = read_results(folder)["result"]
    return ResultFolder(folder).manifest().items == len(results) == COUNT


def ran_again(name, method, base):
    """In a process of its own: what one had as it was started, multiprocessing's helpers keep."""
    command = [sys.executable, "-m", __spec__.name, name, method, str(base), "none"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout or "{}")
    return told.get("whole") or done.stderr


def into(fault, name, method, base):
    """Run into one fault."""
    disk, file = base / "disk", base / "numbers.txt"
    folder = disk / "squares" / "results"
    kind, *argument = fault.rsplit(" ", 1) if fault[-1].isdigit() else (fault,)
    before = contents(folder)
    with FAULTS[kind](disk, *argument) as function:
        try:
            run(name, method, file, folder, function)
        except Exception as error:
            told = {"error": type(error).__name__, "message": str(error)}
        else:
            told = {"error": None, "message": ""}
    if told["error"] is None:
        told |= {"whole": is_whole(folder)}
        run(name, method, file, folder, functions.noise)  # removes what this one could not
        return told
    told |= {"earlier": contents(folder) == before}
    if kind == "descriptors":
        # Removing a folder takes a descriptor: if there is none, the next run does it.
        return told | {"again": ran_again(name, method, base), "left": left_behind(folder)}
    told |= {"left": left_behind(folder)}
    run(name, method, file, folder, functions.noise)
    return told | {"again": is_whole(folder)}


def main(name, method, base, *faults):
    base = Path(base)
    disk, file = base / "disk", base / "numbers.txt"
    disk.mkdir(exist_ok=True)
    if not {*MOUNTED}.isdisjoint(faults):
        command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
        subprocess.run(command, check=True)
    file.write_text("".join(f"{1000 + index}\n" for index in range(COUNT)))
    folder = disk / "squares" / "results"
    if not folder.exists():
        run("serial", "none", file, folder, functions.same)
    for fault in faults:
        sys.stdout.write(json.dumps(into(fault, name, method, base)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
