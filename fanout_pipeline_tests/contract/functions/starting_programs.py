"""They start programs in all the ways there are to get away from their worker."""

import os
import signal
import subprocess
import time
from contextlib import suppress

import psutil

PROGRAMS = 7
"""How many each call starts."""


class Starts:
    """Starts programs in all the ways there are to get away, and then does something else."""

    def __init__(self, seconds, then, folder):
        self.seconds = seconds
        """How long each sleeps: by that they are known."""
        self.then = then
        self.folder = folder

    def __call__(self, number):
        sleep = ["sleep", self.seconds]
        line = " ".join(sleep)
        subprocess.Popen(sleep)
        subprocess.Popen(["sh", "-c", f"{line} | {line}"])
        subprocess.Popen(sleep, start_new_session=True, env={})
        subprocess.run(["sh", "-c", f"(setsid {line} &)"], check=True)
        subprocess.Popen(["sh", "-c", f"trap '' HUP INT TERM; {line}; :"])
        os.kill(subprocess.Popen(sleep).pid, signal.SIGSTOP)
        while len(sleeping(self.seconds, os.getppid())) < PROGRAMS:
            time.sleep(0.01)
        (self.folder / f"{number}.started").touch()
        return DOES[self.then](number)


DOES = {
    "returns": lambda number: number,
    "raises": lambda number: 1 / 0,
    "hangs": lambda number: time.sleep(600),
    "is killed": lambda number: os.kill(os.getpid(), signal.SIGKILL),
    "exits": lambda number: os._exit(3),
    "loses its guard": lambda number: os.kill(os.getppid(), signal.SIGKILL) or time.sleep(600),
}


def sleeping(seconds, ancestor=None):
    """The programs that sleep so long: anywhere, or those that a process has started."""
    found = set()
    there = psutil.process_iter() if ancestor is None else psutil.Process(ancestor).children(True)
    for process in there:
        with suppress(psutil.Error):
            if process.cmdline() == ["sleep", seconds]:
                found.add(process)
    return found
