"""What a call does on Windows, as far as Linux can play it: run as a program, writes a line of JSON.

Libraries are imported first, for what they do on Windows is theirs. Then what Windows lacks is taken away.
"""

import asyncio
import concurrent.futures
import importlib.abc
import json
import multiprocessing.connection
import multiprocessing.popen_fork
import multiprocessing.popen_forkserver
import multiprocessing.popen_spawn_posix
import multiprocessing.resource_tracker
import multiprocessing.shared_memory
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time

import cloudpickle
import dagster
import dagster._core.executor.multiprocess
import dagster._core.executor.step_delegating
import numpy
import orjson
import pandas
import polars
import psutil
import pyarrow.csv
import pyarrow.parquet
import threadpoolctl
import tqdm
import upath.implementations.local

THEIRS = (
    asyncio, cloudpickle, concurrent.futures, dagster, multiprocessing, numpy, orjson, pandas, polars, psutil,
    pyarrow, shutil, subprocess, threadpoolctl, tqdm, upath,
)  # fmt: skip
MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "termios"}
NAMES = {
    os: "O_CLOEXEC O_DIRECTORY O_NOFOLLOW O_NONBLOCK O_PATH WNOHANG fork getpgid geteuid getuid killpg memfd_create "
    "mkfifo pidfd_open posix_spawn pread pwrite register_at_fork sched_getaffinity setpgid setsid sysconf uname wait4 "
    "waitid",
    select: "epoll poll",
    signal: "SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGQUIT SIGRTMAX SIGRTMIN SIGSTOP SIGUSR1 SIGUSR2 "
    "SIG_BLOCK SIG_SETMASK SIG_UNBLOCK pthread_kill pthread_sigmask setitimer sigwait",
    socket: "CMSG_SPACE SCM_RIGHTS",
}


class NotThere(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def take_away():
    sys.platform = "win32"
    sys.meta_path.insert(0, NotThere())
    for name in MODULES:
        sys.modules.pop(name, None)
    for module, names in NAMES.items():
        for name in names.split():
            if hasattr(module, name):
                delattr(module, name)


def square(number):
    time.sleep(0.0005)
    return number * number


async def awaited_square(number):
    await asyncio.sleep(0)
    return number * number


def square_batch(numbers):
    return numbers * numbers


def ended(**arguments):
    """The results of a call, or the type and the message of its error."""
    from fanout_pipeline import fan_out

    try:
        return list(fan_out(**{"function": square, "items": range(100), **arguments}))
    except Exception as error:
        return [type(error).__name__, str(error)]


def main(folder):
    import fanout_pipeline

    public = [getattr(fanout_pipeline, name).__name__ for name in fanout_pipeline.__all__]
    from fanout_pipeline import Options

    frame = pandas.DataFrame({"number": range(100)})
    batch = {"batch_function": square_batch}
    results = {
        "serial": ended(strategy="serial"),
        "threads": ended(strategy="threads"),
        "asyncio": ended(function=awaited_square, strategy="asyncio"),
        "vectorized": ended(strategy="vectorized", **batch),
        "auto": ended(items=range(1000))[:100],
        "auto, threads": ended(items=range(1000), thread_safe=True)[:100],
        "auto, batch": ended(**batch),
        "frame": ended(items=frame, columns=["number"]),
    }
    refused = {
        "Worker processes": [
            ended(strategy="multiprocess"),
            ended(options=Options(item_timeout_seconds=1)),
        ],
        "Results in folders": [ended(folder=folder), ended(unpack=True)],
        "Limits of calls": [ended(options=Options(per_second=1000))],
        "Inputs that are spooled": [ended(items=iter(range(100)), strategy="serial")],
    }
    sys.stdout.write(json.dumps([public, results, refused]))


if __name__ == "__main__":
    take_away()
    main(sys.argv[1])
