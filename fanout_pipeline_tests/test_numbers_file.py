"""The example's input is written as asked for, the same each time, whole or not at all."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fanout_pipeline import IntegerLines
from fanout_pipeline.numbers_file import write_numbers
from fanout_pipeline.results.files.atomic import CannotWrite

ROOT = Path(__file__).parents[1]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "numbers.txt"


def numbers(path):
    return [int(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("first", [0, 5, -5, -(2**70), 2**63 - 2])
@pytest.mark.parametrize("count", [0, 1, 10])
def test_ascending_numbers_begin_at_the_first(path, count, first):
    """The file holds `count` whole numbers from `first` on, one a line, however large or negative."""
    written = write_numbers(path, count, first)
    assert numbers(path) == list(range(first, first + count))
    assert (written.path, written.count) == (path, count)


def test_many_numbers_are_all_there(path):
    """Numbers beyond the size of one write follow without gap or repetition."""
    write_numbers(path, 250_001, -7)
    assert numbers(path) == list(range(-7, 249_994))


@pytest.mark.parametrize("first", [-5, 2**70])
def test_shuffled_numbers_are_the_same_numbers(path, first):
    """Shuffled numbers are those of the ascending file, each once, in another order."""
    write_numbers(path, 200_001, first, order="shuffled")
    found = numbers(path)
    assert found != sorted(found)
    assert sorted(found) == list(range(first, first + 200_001))


@pytest.mark.parametrize("order", ["ascending", "shuffled"])
def test_the_same_arguments_give_the_same_bytes(path, order):
    """Writing anew with the same arguments gives the same file, to the byte."""
    one = write_numbers(path, 1000, 3, order, seed=7)
    content = path.read_bytes()
    assert write_numbers(path, 1000, 3, order, seed=7).sha256 == one.sha256
    assert path.read_bytes() == content


def test_another_seed_gives_another_order(path):
    """The seed decides the order of shuffled numbers."""
    digests = {write_numbers(path, 1000, order="shuffled", seed=seed).sha256 for seed in range(3)}
    assert len(digests) == 3


def test_the_shuffled_order_is_the_same_everywhere(path):
    """The order of a seed is one that every machine and version of NumPy gives."""
    write_numbers(path, 10, order="shuffled", seed=0)
    assert numbers(path) == [2, 8, 4, 9, 1, 6, 7, 3, 0, 5]


@pytest.mark.parametrize("order", ["ascending", "shuffled"])
@pytest.mark.parametrize("count", [0, 1, 100_001])
def test_the_record_describes_the_file(path, count, order):
    """Size, digest and first and last line are those of the file on the disk."""
    written = write_numbers(path, count, 10, order)
    content = path.read_bytes()
    lines = content.decode().splitlines() or [""]
    assert written.bytes == len(content)
    assert written.sha256 == hashlib.sha256(content).hexdigest()
    assert (written.first_line, written.last_line) == (lines[0], lines[-1])
    assert written.sha256 == IntegerLines(str(path)).examine().hash


def test_a_folder_in_place_of_the_file_stays(path):
    """A folder where the file should go is an error that says to move it away."""
    path.mkdir(parents=True)
    with pytest.raises(CannotWrite, match=f"Cannot write {path}: Is a directory. .*move it away"):
        write_numbers(path, 10)
    assert path.is_dir()


def test_a_file_in_place_of_the_folder_is_named(path):
    """A file where the data folder should be is an error that names it."""
    path.parent.write_text("")
    with pytest.raises(CannotWrite, match=f"Cannot create {path.parent}: Not a directory"):
        write_numbers(path, 10)


LIMITED = """
import resource, signal, sys
from pathlib import Path
from fanout_pipeline.numbers_file import write_numbers
from fanout_pipeline.results.files.atomic import CannotWrite
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_numbers(Path(sys.argv[1]), 1_000_000)
except CannotWrite as error:
    print(error)
"""


def test_the_earlier_file_stays_when_writing_fails(path):
    """A file that would grow beyond the allowed size leaves the earlier one, and nothing of its own."""
    write_numbers(path, 10)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, path], cwd=ROOT, capture_output=True, text=True, check=True
    )
    advice = "The file exceeds the size limit: raise the limit (ulimit -f), then run again."
    assert done.stdout == f"Cannot write {path}: File too large. {advice}\n"
    assert numbers(path) == list(range(10))
    assert os.listdir(path.parent) == ["numbers.txt"]


def test_the_earlier_file_stays_when_the_disk_is_full(tmp_path):
    """A full disk is an error that says so; the earlier file stays, and the room is given back."""
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a file system cannot be mounted here")
    try:
        path = tmp_path / "numbers.txt"
        write_numbers(path, 10)
        with pytest.raises(
            CannotWrite, match=f"Cannot write {path}: .*The disk is full: free some"
        ):
            write_numbers(path, 1_000_000)
        assert numbers(path) == list(range(10))
        assert os.listdir(tmp_path) == ["numbers.txt"]
    finally:
        subprocess.run(["umount", tmp_path], check=True)
