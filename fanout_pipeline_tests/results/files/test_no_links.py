"""Nothing of ours is made, emptied, renamed or removed through a symbolic link."""

import ast
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import fanout_pipeline
from fanout_pipeline import write_results
from fanout_pipeline.results.files.atomic import (
    CannotWrite,
    append_line,
    make_folder,
    remove_folder,
    scratch_folder,
    write_text,
)
from fanout_pipeline.results.files.lock import locked
from fanout_pipeline.results.files.no_links import (
    make_link,
    open_file,
    remove,
    rename,
    touch,
    unlink,
)
from fanout_pipeline_tests.results.files.contents import contents

PACKAGE = Path(fanout_pipeline.__file__).parent


@pytest.fixture
def outside(tmp_path):
    """A folder of somebody else's, with files by the names of ours."""
    outside = tmp_path / "outside"
    (outside / "folder" / "victim").mkdir(parents=True)
    for name in ("file", "folder/file", "folder/.lock", "folder/victim/file"):
        (outside / name).write_text("theirs")
    return outside


def lock_and_release(path):
    with locked(path):
        pass


def scratch(path):
    with scratch_folder(path, "run-"):
        pass


CHANGES = {
    "write": lambda path: write_text(path, "ours"),
    "append": lambda path: append_line(path, "ours"),
    "touch": touch,
    "lock": lock_and_release,
    "folder": make_folder,
    "scratch": scratch,
    "link": lambda path: make_link(path, "anywhere"),
    "unlink": unlink,
    "rename": lambda path: rename(path, path.with_name("other")),
    "rename to": lambda path: rename(path.parents[1] / "here", path),
    "move": lambda path: rename(path, path.parents[1] / "moved"),
    "open": lambda path: os.close(open_file(path, os.O_RDWR)),
}
AS_FAR_AS_CAN_BE = {
    "remove": remove,
    "remove folder": remove_folder,
}


@pytest.mark.parametrize("name", ["file", "folder", "new"])
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("change", CHANGES | AS_FAR_AS_CAN_BE)
def test_a_link_on_the_way_is_refused_and_told(tmp_path, outside, change, depth, name):
    """Whatever is to be changed below a link: it is named, and where it leads; nothing changes there."""
    root = tmp_path / "data"
    root.mkdir()
    link = root / "a"
    link.symlink_to(outside / "folder" if depth == 2 else outside)
    path = link / "victim" / name if depth == 2 else link / name
    (path.parents[1] / "here").write_text("ours")
    before = contents(outside)
    if change in AS_FAR_AS_CAN_BE:
        AS_FAR_AS_CAN_BE[change](path)
    else:
        with pytest.raises((CannotWrite, OSError)) as caught:
            CHANGES[change](path)
        told = str(caught.value)
        assert f"{link} is a symbolic link to {link.readlink()}" in told
        if isinstance(caught.value, CannotWrite):
            assert "remove the link" in told
    assert contents(outside) == before


@pytest.mark.parametrize("target", ["file", "folder", "nothing"])
@pytest.mark.parametrize("change", CHANGES | AS_FAR_AS_CAN_BE)
def test_a_link_in_the_place_of_what_is_changed_is_not_followed(tmp_path, outside, change, target):
    """It is refused, or replaced, renamed or removed itself; what it leads to stays as it is."""
    root = tmp_path / "data" / "folder"
    root.mkdir(parents=True)
    (root.parent / "here").write_text("ours")
    link = root / "ours"
    link.symlink_to(outside / target)
    before = contents(outside)
    act = (CHANGES | AS_FAR_AS_CAN_BE)[change]
    if change in ("append", "touch", "lock", "folder", "scratch", "open"):
        with pytest.raises((CannotWrite, OSError), match=f"ours is a symbolic link to {outside}"):
            act(link)
    elif change == "link":
        with pytest.raises(FileExistsError):
            act(link)
    else:
        act(link)
        gone = change in ("unlink", "rename", "move", *AS_FAR_AS_CAN_BE)
        assert os.path.lexists(link) is not gone
        assert not link.is_symlink()
    assert contents(outside) == before


def test_a_folder_that_becomes_a_link_all_the_time_leads_nowhere(tmp_path, outside):
    """Whatever the moment at which a folder is exchanged for a link: nothing is written outside."""
    folder, link, aside = (tmp_path / name for name in ("folder", "link", "aside"))
    folder.mkdir()
    link.symlink_to(outside)
    before = contents(outside)
    stop = threading.Event()

    def exchange():
        while not stop.is_set():
            os.rename(folder, aside)
            os.rename(link, folder)
            os.rename(folder, link)
            os.rename(aside, folder)

    exchanging = threading.Thread(target=exchange)
    exchanging.start()
    done = dict.fromkeys(("written", "refused", "gone"), 0)
    deadline = time.monotonic() + 60
    while (not done["written"] or not done["refused"]) and time.monotonic() < deadline:
        for act in (lambda: write_text(folder / "file", "ours", durable=False), touch_in(folder)):
            try:
                act()
                done["written"] += 1
            except (CannotWrite, OSError) as error:
                done["refused" if "symbolic link" in str(error) else "gone"] += 1
        remove_folder(folder / "folder")
    stop.set()
    exchanging.join()
    assert contents(outside) == before
    assert done["written"]
    assert done["refused"]


def touch_in(folder):
    return lambda: touch(folder / "touched")


def test_results_may_be_written_below_a_link(tmp_path):
    """Who writes results names any path: the folders above them may be links, and are resolved."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    write_results(tmp_path / "link" / "results", [1])
    write_results(tmp_path / "link" / "results", [2])
    assert sorted(os.listdir(tmp_path / "disk")) == ["_runs", "results"]


def test_where_a_link_leads_is_told_visibly(tmp_path):
    """A link's text is somebody else's: control characters reach no terminal."""
    (tmp_path / "link").symlink_to("\x1b[2J\nelsewhere")
    with pytest.raises(CannotWrite, match=r"symbolic link to \\x1b\[2J\\nelsewhere"):
        make_folder(tmp_path / "link" / "folder")


HOLDER = """
import sys
from pathlib import Path
from fanout_pipeline.results.files.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_lock_dies_with_its_process(tmp_path):
    """One process at a time holds a lock, and none once it was killed; its file stays."""
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path],
        cwd=PACKAGE.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(TimeoutError, match="is locked by another process"), locked(path, 0.1):
            pass
        holder.kill()
    with locked(path), pytest.raises(TimeoutError), locked(path):
        pass
    with locked(path):
        pass


def test_a_lock_whose_file_was_removed_is_waited_for_anew(tmp_path):
    """Who waits for a lock that is removed with its folder's contents gets that which is there then."""
    path = tmp_path / "lock"
    got = threading.Event()

    def wait():
        with locked(path, 60):
            got.set()
            assert path.exists()

    waiting = threading.Thread(target=wait)
    with locked(path):
        waiting.start()
        time.sleep(0.1)
        path.unlink()
        assert got.wait(60)
    waiting.join()


ELSEWHERE = {
    "results/files/no_links.py": "the one that does it",
    "results/files/atomic.py": "relative to a descriptor",
    "defs/shared/json_io_manager.py": "Dagster's storage",
    "executor/step_logs.py": "Dagster's logs",
    "defs/trial_runs/metered.py": "the folder of a trial's own run",
    "defs/trial_runs/chunk_run.py": "the folder of a trial's own run",
    "defs/trial_runs/run_process.py": "the folder of a trial's own run",
    "measuring/trials/process.py": "a temporary folder",
    "engine/system/usage.py": "/proc",
    "engine/clusters/dask_client.py": "a temporary folder",
    "engine/system/machine_costs.py": "the user's cache folder",
    "engine/fan_out.py": "a temporary folder",
    "engine/calls/rate.py": "the account of a run's calls, in its own folder",
    "engine/in_memory.py": "a temporary folder",
    "results/kept.py": "a temporary folder",
    "engine/calls/imports.py": "a temporary folder, for a chunk that is written as any is",
    "sources/files.py": "a file in a sweep's own folder, opened without following a link",
    "sources/file_handle.py": "a mode of the user's, refused unless it is one of reading",
    "sources/spool/spool.py": "relative to a descriptor",
    "sources/spool/reading.py": "to read",
    "sources/spool/settled.py": "a folder in a temporary one, or in that of a trial's own run",
    "measuring/correctness/lookup.py": "a temporary folder",
}
"""Modules that write elsewhere than in the data root, or not by a path that could be a link."""
METHODS = {
    "chmod",
    "hardlink_to",
    "mkdir",
    "rename",
    "rmdir",
    "symlink_to",
    "touch",
    "unlink",
    "write_bytes",
    "write_text",
}
"""Of a path; as functions of `no_links`, or methods of a generation, they follow no link."""
FUNCTIONS = {
    "os": {"link", "makedirs", "open", "remove", "removedirs", "renames", "replace", "symlink"},
    "shutil": {"copy", "copy2", "copyfile", "copytree", "move", "rmtree"},
    "tempfile": {"NamedTemporaryFile", "TemporaryDirectory", "mkdtemp", "mkstemp"},
}


def changes(path):
    """Calls in a module by which a file or a folder could be changed by its path."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            text = ast.unparse(node.func)
            of, _, name = text.rpartition(".")
            if of == "no_links" or of.endswith("generation"):
                continue
            if (of and name in METHODS) or name in FUNCTIONS.get(of, ()) or not may_open(node):
                yield text
        elif isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            yield from names & (FUNCTIONS.get(node.module, set()) | {"FileLock"})


def may_open(call):
    """Whether a call does not open a file, or only to read it, or with `no_link`."""
    is_function = isinstance(call.func, ast.Name)
    if (call.func.id if is_function else getattr(call.func, "attr", None)) != "open":
        return True
    given = {one.arg: one.value for one in call.keywords}
    if "opener" in given and ast.unparse(given["opener"]) == "no_link":
        return True
    # A file system's method takes the path first, as the function does; a path's method, the mode.
    is_of_path = not is_function and len(call.args) < 2
    modes = [given["mode"]] if "mode" in given else call.args[not is_of_path :][:1]
    return not modes or ast.unparse(modes[0]).strip("'bt") == "r"


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("open(path)", True),
        ("open(path, 'rb')", True),
        ("open(path, encoding='utf-8')", True),
        ("open(path, 'wb', opener=no_link)", True),
        ("path.open()", True),
        ("path.open('r', encoding='utf-8')", True),
        ("files.open(path, 'rb', cache_type='none')", True),
        ("open(path, 'w')", False),
        ("open(path, 'rb+')", False),
        ("open(path, mode)", False),
        ("open(path, mode='a')", False),
        ("open(path, 'wb', opener=another)", False),
        ("path.open('w')", False),
        ("path.open(mode='x')", False),
        ("files.open(path, 'wb')", False),
        ("os.open(path, os.O_RDWR)", False),
    ],
)
def test_reading_is_told_from_writing(text, may):
    """What opens a file to read it changes nothing; where that is not certain it counts as a change."""
    assert may_open(ast.parse(text).body[0].value) is may


def test_no_other_module_changes_files_by_their_paths():
    """What is written and removed in the data root is written and removed by `no_links` and `atomic`."""
    found = {
        path.relative_to(PACKAGE).as_posix(): [*changes(path)] for path in PACKAGE.rglob("*.py")
    }
    changing = {name: calls for name, calls in found.items() if calls}
    assert {name: calls for name, calls in changing.items() if name not in ELSEWHERE} == {}
    assert changing.keys() >= ELSEWHERE.keys()
