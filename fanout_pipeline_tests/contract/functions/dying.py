"""They end, or block, the process that calls them."""

import os
import re
import signal
import threading
from pathlib import Path

from fanout_pipeline_tests.contract.functions import GUILTY


def kills_its_worker(number):
    if number == GUILTY:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def holds_the_interpreter(number):
    """For years, in a regular expression, on the guilty item; leaves a file where it is called."""
    if number == GUILTY:
        Path("called").touch()
        re.match(r"(a+)+$", "a" * 64 + "b")
    return number


def hangs_beside_the_main_thread(number, how):
    """As a library does that threads may not share."""
    if threading.current_thread() is not threading.main_thread():
        if how == "waits":
            locked = threading.Lock()
            locked.acquire()
            locked.acquire()
        else:
            re.match(r"(a+)+$", "a" * 64 + "b")  # keeps the interpreter, for years
    return number


def exits_without_a_word(number):
    os._exit(3)
