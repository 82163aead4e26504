"""A program: run a strategy into faults of the environment, mend each, run again, report what happened.

    python -m fanout_pipeline_tests.contract.environment NAME FOLDER FAULT ...

FAULT is a key of FAULTS, followed by its argument where it has one ("descriptors 16"). Prints a line
of JSON a fault: the error (null where the run succeeded), whether earlier results are as they were,
what is left behind, and whether a plain re-run, with the fault mended, is whole.
"""

import contextlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import psutil

from fanout_pipeline import read_results
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline_tests.contract.checks import contents
from fanout_pipeline_tests.contract.functions import changing_files, returning
from fanout_pipeline_tests.contract.runs import run, write_items
from fanout_pipeline_tests.results.layout import generations

COUNT = 400
ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def limited(kind, at_most):
    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (int(at_most), hard))
    try:
        yield returning.noise
    finally:
        resource.setrlimit(kind, (soft, hard))


def descriptors(disk, at_most):
    """`ulimit -n`."""
    return limited(resource.RLIMIT_NOFILE, at_most)


def file_size(disk, at_most):
    """`ulimit -f`, in bytes: no file may grow larger."""
    return limited(resource.RLIMIT_FSIZE, at_most)


@contextlib.contextmanager
def full_disk(disk, free=0):
    """The disk is full but for so many bytes."""
    with open(disk / "other", "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(512))
    os.truncate(disk / "other", max(0, (disk / "other").stat().st_size - int(free)))
    yield returning.noise
    (disk / "other").unlink()


@contextlib.contextmanager
def read_only(disk):
    """The file system was remounted read-only, as the kernel does after an error."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    yield returning.noise
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)


@contextlib.contextmanager
def folder_removed(disk):
    """Someone removes what the run has written so far, while it runs."""
    hidden = disk / "squares" / "_runs" / "results"
    kept = (disk / "squares" / "results").resolve()
    yield changing_files.Removes(hidden, kept)


@contextlib.contextmanager
def nothing(disk):
    yield returning.noise


FAULTS = {
    "none": nothing,
    "descriptors": descriptors,
    "file size": file_size,
    "full disk": full_disk,
    "read-only": read_only,
    "folder removed": folder_removed,
}
MOUNTED = ("full disk", "full disk 200000", "read-only")
"""Those that need a file system of their own."""


def left_behind(folder):
    """Generations but the visible one, aside files, processes but multiprocessing's own."""
    found = {path.name for path in generations(folder) - {folder.resolve()}}
    found |= {path.name for path in folder.parent.rglob("*.tmp")}
    for child in psutil.Process().children():
        command = " ".join(child.cmdline())
        if "resource_tracker" not in command:
            found.add(command)
    return sorted(found)


def is_whole(folder):
    results = read_results(folder)["result"]
    return ResultFolder(folder).manifest().items == len(results) == COUNT


def into(fault, name, base):
    """Run into one fault."""
    disk, file = base / "disk", base / "numbers.txt"
    folder = disk / "squares" / "results"
    kind, *argument = fault.rsplit(" ", 1) if fault[-1].isdigit() else (fault,)
    before = contents(folder)
    with FAULTS[kind](disk, *argument) as function:
        try:
            run(name, file, function, folder)
        except Exception as error:
            told = {"error": type(error).__name__, "message": str(error)}
        else:
            told = {"error": None, "message": ""}
    if told["error"] is None:
        told |= {"whole": is_whole(folder)}
        run(name, file, returning.noise, folder)  # removes what this one could not
        return told
    told |= {"earlier": contents(folder) == before}
    if (
        kind != "descriptors"
    ):  # Removing a folder takes one: if there is none, the next run does it.
        told |= {"left": left_behind(folder)}
    run(name, file, returning.noise, folder)
    return {"left": left_behind(folder)} | told | {"again": is_whole(folder)}


def main(name, base, *faults):
    base = Path(base)
    disk, file = base / "disk", base / "numbers.txt"
    disk.mkdir(exist_ok=True)
    if not {*MOUNTED}.isdisjoint(faults):
        command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
        subprocess.run(command, check=True)
    write_items(file, COUNT)
    folder = disk / "squares" / "results"
    if not folder.exists():
        run("serial", file, returning.same, folder)
    for fault in faults:
        sys.stdout.write(json.dumps(into(fault, name, base)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
