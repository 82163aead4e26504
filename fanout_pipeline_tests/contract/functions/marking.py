"""They leave a file where someone can see that they were called."""

import os
import time
from contextlib import suppress
from pathlib import Path


class CalledWith:
    """Leaves a file of each item's name before it calls the function."""

    def __init__(self, folder: Path, function):
        self.folder = folder
        self.function = function

    def __call__(self, number):
        (self.folder / str(number)).touch()
        return self.function(number)


class Slow:
    """Takes 10 ms an item, and leaves a file where someone can see that it was called."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __call__(self, number):
        self.mark.touch()
        time.sleep(0.01)
        return number


class Waits:
    """Goes no further than the item that a file names, for as long as the file is there."""

    def __init__(self, before: Path):
        self.before = before

    def __call__(self, number):
        with suppress(FileNotFoundError):
            while number >= int(self.before.read_text()):
                time.sleep(0.01)
        return number


class FailsAtFirst:
    """Fails on the first so many calls of each item, which it counts in a folder's files."""

    def __init__(self, folder: Path, times: int, error: type = ConnectionResetError):
        self.folder = folder
        self.times = times
        self.error = error

    def __call__(self, number):
        with open(self.folder / str(number), "a+") as file:
            file.write("x")
            file.seek(0)
            calls = len(file.read())
        if number % 10 == 0 and calls <= self.times:
            raise self.error(f"call {calls}")
        return number


class Marks:
    """Writes each item that it is called with to a file, at once."""

    def __init__(self, path: Path):
        self.path = path

    def __call__(self, number):
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            os.write(file, f"{number}\n".encode())
        finally:
            os.close(file)
        return number

    def seen(self):
        """The items so far, as often as they were called with."""
        return list(map(int, self.path.read_text().split())) if self.path.exists() else []
