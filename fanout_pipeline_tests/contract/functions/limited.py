"""They note each call in a file, with the time."""

import os
import time
from pathlib import Path


class Busy(Exception):
    """The service asks to come again later."""


class Noted:
    """Notes each call before it calls the function."""

    def __init__(self, calls: Path, function):
        self.calls = calls
        self.function = function

    def __call__(self, item):
        file = os.open(self.calls, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(file, f"{item} {time.monotonic()}\n".encode())
        finally:
            os.close(file)
        return self.function(item)


class BusyAtFirst:
    """Raises Busy once for each of some items."""

    def __init__(self, folder: Path, items):
        self.folder, self.items = folder, items

    def __call__(self, item):
        mark = self.folder / str(item)
        if item in self.items and not mark.exists():
            mark.touch()
            raise Busy
        return item


def same(item):
    return item


def busy(item):
    raise Busy


def when_busy(error):
    return "0.3" if isinstance(error, Busy) else None
