"""A function whose calls can be counted afterwards, in whichever process they were made."""

import dataclasses
import json
import os
import signal
from pathlib import Path

CALLS, FAILING, DIES, FACTOR = "calls", "failing", "dies", "factor"


@dataclasses.dataclass(frozen=True)
class Scores:
    """Scores rows with `a` and `b`. Files in its folder say which fail, on which the run is interrupted, and a factor."""

    folder: Path
    version: int
    kind: str
    """Which results it gives: see `score`."""

    def __call__(self, item):
        content = told(item)
        append(self.folder / CALLS, content)
        if (self.folder / DIES).read_text() == content:
            os.kill(os.getpid(), signal.SIGINT)
        if content in (self.folder / FAILING).read_text().splitlines():
            raise ValueError(content)
        return score(item, self.version, int((self.folder / FACTOR).read_text()), self.kind)


def score(item, version, factor, kind):
    """The result of an item: whole numbers, or such as need another type where `a` is large or 0."""
    a, number = item["a"], factor * (item["a"] + 10 * item["b"]) + 1000 * version
    match kind:
        case "with None":
            return None if a == 0 else number
        case "wide":
            return {0: None, 8: 2**70 + number, 9: True}.get(a, number)
        case "text":
            return str(number)
        case "fields" | "columns":
            return {"number": number, "half": number / 2} | ({"a": a} if a > 5 else {})
    return number


def told(item):
    """An item as one line."""
    return json.dumps(item, sort_keys=True)


def append(path, line):
    """Add a line to a file, whole, whoever else does."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        os.write(file, f"{line}\n".encode())
    finally:
        os.close(file)


def id_of(item):
    """The key of an item, by a function."""
    return item["id"]
