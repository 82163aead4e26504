"""A file is there whole or not at all, and the reason why not is said."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from fanout_pipeline.results.files.atomic import CannotWrite, replacing, write_text

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("earlier")
    return path


def test_the_new_content_takes_the_place_of_the_old(path):
    """A file that was written is there under its name, in UTF-8, with nothing beside it."""
    write_text(path, "later €\n")
    assert path.read_bytes() == "later €\n".encode()
    assert os.listdir(path.parent) == ["file.txt"]


@pytest.mark.parametrize("durable", [True, False])
def test_the_earlier_file_is_there_while_the_new_one_is_written(path, durable):
    """Whoever reads during the writing gets the earlier file."""
    with replacing(path, durable=durable) as file:
        file.write(b"later")
        file.flush()
        assert path.read_text() == "earlier"
    assert path.read_text() == "later"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_earlier_file_stays_when_writing_fails(path, error):
    """A failed or interrupted writing leaves the earlier file, and nothing of the new one."""

    def write():
        with replacing(path) as file:
            file.write(b"half of the la")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_text() == "earlier"
    assert os.listdir(path.parent) == ["file.txt"]


KILLED = """
import os, signal, sys
from pathlib import Path
from fanout_pipeline.results.files.atomic import replacing
with replacing(Path(sys.argv[1])) as file:
    file.write(b"half of the la")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_earlier_file_stays_when_the_writer_is_killed(path):
    """A killed writer leaves the earlier file as it was, and the next writer is not in its way."""
    subprocess.run([sys.executable, "-c", KILLED, path], cwd=ROOT, check=False)
    assert path.read_text() == "earlier"
    write_text(path, "later")
    assert path.read_text() == "later"


def test_a_folder_in_the_files_place_is_named(tmp_path):
    """A folder where the file should go stays, and the error says to move it away."""
    (tmp_path / "file.txt").mkdir()
    with pytest.raises(
        CannotWrite, match=r"Cannot write .*file\.txt: Is a directory\. .*move it away"
    ):
        write_text(tmp_path / "file.txt", "text")
    assert os.listdir(tmp_path) == ["file.txt"]


def test_a_missing_folder_is_named(tmp_path):
    """A file cannot go into a folder that is not there, and the error names it."""
    with pytest.raises(CannotWrite, match=f"Cannot write {tmp_path}/none/file.txt: No such file"):
        write_text(tmp_path / "none" / "file.txt", "text")


def test_a_file_in_place_of_the_folder_is_named(path):
    """A file cannot go under another file, and the error names it."""
    with pytest.raises(CannotWrite, match=f"Cannot write {path}/file.txt: Not a directory"):
        write_text(path / "file.txt", "text")


AS_NOBODY = """
import os, sys
from pathlib import Path
from fanout_pipeline.results.files.atomic import CannotWrite, write_text
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    write_text(Path(sys.argv[1]), "later")
except CannotWrite as error:
    print(error)
"""


@pytest.mark.parametrize("mode", [0o555, 0o000], ids=oct)
def test_a_folder_that_may_not_be_written_to_is_named(mode):
    """A folder without the right to write there is an error that says what to do."""
    # Not tmp_path, which only its owner may enter.
    with tempfile.TemporaryDirectory() as outer:
        Path(outer).chmod(0o755)
        folder = Path(outer) / "data"
        folder.mkdir()
        folder.chmod(mode)
        path = folder / "file.txt"
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, path],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        folder.chmod(0o755)
    advice = "Give the user that runs Dagster permission to write there."
    assert done.stdout == f"Cannot write {path}: Permission denied. {advice}\n", done.stderr


def test_a_read_only_file_system_is_named(tmp_path):
    """A read-only file system is an error that says to take another data root."""
    command = ["mount", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", tmp_path]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a file system cannot be mounted here")
    try:
        with pytest.raises(CannotWrite, match=r"Read-only file system\. .*another data root"):
            write_text(tmp_path / "file.txt", "text")
    finally:
        subprocess.run(["umount", tmp_path], check=True)
