"""They read a file beside their items, or change one while a run is under way."""

import dataclasses
import os
import shutil
from pathlib import Path

from fanout_pipeline_tests.contract.functions import GUILTY
from fanout_pipeline_tests.contract.functions.returning import noise


class Removes:
    """Removes, on the guilty item, what is in a folder but for one entry and its lock."""

    def __init__(self, folder: Path, kept: Path):
        self.folder = folder
        self.kept = kept

    def __call__(self, number):
        if number == GUILTY:
            for entry in self.folder.iterdir():
                while entry.is_dir() and entry != self.kept:
                    # Another worker may be writing there.
                    shutil.rmtree(entry, ignore_errors=True)
        return noise(number)


class Changes:
    """Does something to a file on the guilty item: "grows", "shrinks", "is replaced", …"""

    def __init__(self, file: Path, how: str):
        self.file = file
        self.how = how

    def __call__(self, number):
        if number == GUILTY:
            self.change()
        return number

    def change(self):
        content = self.file.read_bytes()
        match self.how:
            case "grows":
                with open(self.file, "ab") as file:
                    file.write(b"1\n2\n3")
            case "shrinks":
                os.truncate(self.file, len(content) // 2 + 2)
            case "is emptied":
                os.truncate(self.file, 0)
            case "is rewritten":
                with open(self.file, "r+b") as file:
                    file.write(bytes(reversed(content)))
            case "is spoilt":
                with open(self.file, "r+b") as file:
                    file.write(b"x" * (len(content) - 1))
            case "is replaced":
                aside = self.file.with_name("aside.txt")
                aside.write_bytes(content)
                os.replace(aside, self.file)
            case "is removed":
                self.file.unlink()


@dataclasses.dataclass(frozen=True)
class Down:
    """Fails on GUILTY as long as a file is there."""

    sign: Path

    def __call__(self, number):
        if number == GUILTY and self.sign.exists():
            raise ConnectionError("the service is down")
        return number


@dataclasses.dataclass(frozen=True)
class Rated:
    """Multiplies by what a file holds; fails on GUILTY where it holds nothing good for that."""

    rates: Path

    def __call__(self, number):
        rate = int(self.rates.read_text())
        if number == GUILTY and rate < 0:
            raise ValueError("a negative rate")
        return rate * number


@dataclasses.dataclass(frozen=True)
class Mends:
    """Writes to the file that `rated` reads, when it is called with GUILTY."""

    rated: Rated

    def __call__(self, number):
        if number == GUILTY:
            self.rated.rates.write_text("2")
        return self.rated(number)


@dataclasses.dataclass(frozen=True)
class Overwrites:
    """Writes other numbers over its input, where a file is there, and removes that."""

    file: Path
    sign: Path

    def __call__(self, number):
        if number == 50 and self.sign.exists():
            self.sign.unlink()
            content = self.file.read_bytes().replace(b"9", b"8")
            with open(self.file, "r+b") as file:
                file.write(content)
        return number
