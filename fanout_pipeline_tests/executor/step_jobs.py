"""Jobs under the preloaded executor, as another project would write them; see `test_executors`."""

import ctypes
import os
import random
import signal
import sys
import time
from pathlib import Path

import dagster as dg
import numpy

from fanout_pipeline.executor import preloaded_multiprocess_executor

FOLDER = "STEP_JOBS_FOLDER"
"""Environment variable: where steps leave signs for the test."""
ALONE = {"test/alone": "yes"}
executor = preloaded_multiprocess_executor(
    preload=("fanout_pipeline_tests.defs.functions",),
    tag_concurrency_limits=[{"key": "test/alone", "value": "yes", "limit": 1}],
)
seen = []


def sign(name):
    """A file in the folder, and whether it was there already."""
    path = Path(os.environ[FOLDER], name)
    there = path.exists()
    path.write_text(str(os.getpid()))
    return there


def hang_in_c():
    """Never to return, nor to let another thread run: a lock that is taken twice, with the GIL held."""
    libc = ctypes.PyDLL(None)
    lock = ctypes.create_string_buffer(64)
    libc.pthread_mutex_lock(lock)
    libc.pthread_mutex_lock(lock)


@dg.op(out=dg.DynamicOut(int))
def five():
    for number in range(5):
        yield dg.DynamicOutput(number, str(number))


@dg.op
def process(number: int):
    """What this process is, and what earlier steps left in it."""
    seen.append(number)
    preloaded = "fanout_pipeline_tests.defs.functions" in sys.modules
    everywhere = float(numpy.random.random())  # noqa: NPY002 (the global generator is meant)
    chance = [random.random(), everywhere]
    return {
        "number": number,
        "pid": os.getpid(),
        "seen": seen,
        "preloaded": preloaded,
        "chance": chance,
    }


@dg.op
def gathered(processes: list):
    return processes


@dg.job(executor_def=executor)
def fans_out():
    gathered(five().map(process).collect())


def made_job():
    """A job that signs whenever a process loads it, beside the step that runs in it."""
    sign(f"loads-{os.getpid()}")

    @dg.op
    def runs():
        sign(f"runs-{os.getpid()}")

    @dg.job(executor_def=executor)
    def made():
        runs.alias("first")()
        runs.alias("second")()

    return made


@dg.op(out=dg.DynamicOut(int))
def some_of_ten():
    for number in range(0, 10, 3):
        yield dg.DynamicOutput(number, str(number))


@dg.op
def add(number: int, other: int):
    return number + other


@dg.op
def doubled(number: int):
    return 2 * number


@dg.op
def total(numbers: list):
    return sum(numbers)


@dg.job(executor_def=executor)
def fans_twice():
    """Two fan-outs with keys in common, one of which needs the results of the other."""
    others = total(some_of_ten().map(doubled).collect())
    sums = five().map(doubled).map(lambda number: add(number, others))
    total.alias("in_all")(sums.collect())


@dg.op(retry_policy=dg.RetryPolicy(max_retries=1))
def fails_once():
    if not sign("failed"):
        raise ValueError("the first time fails")
    return 7


@dg.op(retry_policy=dg.RetryPolicy(max_retries=1))
def dies_once():
    if not sign("died"):
        os._exit(1)
    return 8


@dg.op
def prints():
    sys.stdout.write("printed by Python\n")
    sys.stderr.write("a complaint\n")
    os.write(1, b"written past Python\n")
    os.system("echo said by a child")


@dg.job(executor_def=executor)
def printing():
    prints()


@dg.op
def exits():
    os._exit(3)


@dg.op
def crashes():
    os.kill(os.getpid(), signal.SIGSEGV)


@dg.op
def works():
    return 1


@dg.op
def never(one, two):
    raise AssertionError("its inputs were never made")


@dg.resource
def broken(_):
    raise ConnectionError("the warehouse is closed")


@dg.op(required_resource_keys={"warehouse"})
def needs_warehouse():
    return 1


@dg.op(tags=ALONE)
def alone():
    time.sleep(0.1)


@dg.job(executor_def=executor, resource_defs={"warehouse": broken})
def troubled():
    """What may befall steps, each by itself."""
    works()
    fails_once()
    dies_once()
    never(exits(), crashes())
    needs_warehouse()
    for number in range(3):
        alone.alias(f"alone_{number}")()


@dg.op
def waits():
    sign(f"waits-{os.getpid()}")
    try:
        time.sleep(300)
    finally:
        sign("cleaned up")


@dg.job(executor_def=executor)
def waiting():
    waits.alias("first")()
    waits.alias("second")()


@dg.op
def ignores_interrupts():
    sign(f"waits-{os.getpid()}")
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    time.sleep(300)


@dg.op
def hangs():
    sign(f"waits-{os.getpid()}")
    hang_in_c()


@dg.job(executor_def=executor)
def stubborn():
    waits()
    ignores_interrupts()
    hangs()


@dg.op
def kills_server():
    sign(f"waits-{os.getpid()}")
    os.kill(os.getppid(), signal.SIGKILL)
    hang_in_c()


@dg.job(executor_def=executor)
def serverless():
    kills_server()


@dg.job(executor_def=preloaded_multiprocess_executor(preload=("there_is_no_such_module",)))
def misspelled():
    works()


@dg.job(
    executor_def=preloaded_multiprocess_executor(
        preload=("fanout_pipeline_tests.executor.hangs_when_imported",)
    )
)
def never_loaded():
    works()


@dg.op
def asks(number: int):
    """What only another thread can tell."""
    text = "x" * number
    return sys.modules["fanout_pipeline_tests.executor.asks_another_thread"].size(text)


@dg.job(
    executor_def=preloaded_multiprocess_executor(
        preload=(
            "fanout_pipeline_tests.executor.starts_a_thread",
            "fanout_pipeline_tests.executor.asks_another_thread",
        )
    )
)
def threaded():
    asks(works())


@dg.job(
    executor_def=preloaded_multiprocess_executor(
        preload=("fanout_pipeline_tests.executor.starts_a_thread",)
    )
)
def waiting_unforked():
    waits()


defs = dg.Definitions(
    jobs=[
        fans_out,
        fans_twice,
        printing,
        troubled,
        waiting,
        stubborn,
        serverless,
        misspelled,
        never_loaded,
        threaded,
        waiting_unforked,
    ]
)
