"""Fixtures that several test modules share."""

import gc
import os
import shutil
import signal
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from fanout_pipeline_tests import chance
from fanout_pipeline_tests.processes import GONE_SECONDS

chance.register()

HERE = Path(__file__).parent
SHARE_A_LONG_FIXTURE = {
    "test_command_line.py": "a compared project",
    "test_ui.py": "a scheduled project",
    "test_guide.py": "the guide's project",
    "test_guide_served.py": "the guide's project, served",
    "test_kill.py": "a compared project",
    "test_refusals.py": "a compared project",
    "test_troubled_steps.py": "a run of troubled steps",
    "test_factory.py": "another function's assets",
    "test_kill_runs.py": "the numbers",
    "test_kill_workers.py": "undisturbed workers",
}
ONE_BY_ONE = ("end_to_end", "faults", "executor", "defs", "benchmarks", "contract")
"""Folders whose tests are so slow that each is given out by itself; those of other files go together."""


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    # Now hypothesis has loaded the profile that the command line names.
    chance.forget_constants()
    if not hasattr(config, "cache"):  # -p no:cacheprovider
        return
    # What tests learn of the machine is not what the user's runs have learnt. All else is in the user's cache.
    theirs = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = config.cache.mkdir("home")
    if theirs != folder:  # as it is in pytest's own processes
        shutil.rmtree(folder / "fanout_pipeline", ignore_errors=True)
        for one in theirs.glob("*"):
            with suppress(FileExistsError):
                (folder / one.name).symlink_to(one)
        (folder / "fanout_pipeline").unlink(missing_ok=True)
        os.environ["XDG_CACHE_HOME"] = str(folder)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Slow tests first, the slowest folders before the others: no process is left alone with one at the end.

    Of the small ones those of no folder come first, some of which start Python.
    """

    def rank(item):
        if not item.get_closest_marker("slow"):
            return len(ONE_BY_ONE) + 1 + (item.path.parent != HERE)
        if item.path.name in SHARE_A_LONG_FIXTURE:
            return -1
        folders = item.nodeid.partition("::")[0].split("/")
        places = (ONE_BY_ONE.index(folder) for folder in folders if folder in ONE_BY_ONE)
        return next(places, len(ONE_BY_ONE))

    items.sort(key=rank)


def pytest_collection_finish():
    """What has been imported and collected stays to the end: no later look for garbage goes through it."""
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Where tests run in several processes, those that share a long fixture run in one.

    Marks, of `--dist loadgroup`, do not reach pytest 9 (pytest-xdist 3.8).
    """
    from xdist.scheduler import LoadScopeScheduling

    class InOrder(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.partition("::")[0]
            *folders, name = file.split("/")
            alone = not {*ONE_BY_ONE}.isdisjoint(folders)
            return SHARE_A_LONG_FIXTURE.get(name, nodeid if alone else file)

    config.option.loadscopereorder = False
    return InOrder(config, log)


@pytest.fixture(scope="session", autouse=True)
def ctrl_c():
    """Ctrl-C interrupts, also where whoever started pytest in the background had it ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def temp_folder(tmp_path_factory):
    """The folder for temporary files of this process and its children, instead of /tmp."""
    folder = tmp_path_factory.mktemp("t")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", str(folder))
        yield folder


@pytest.fixture
def leaves_nothing(temp_folder, tmp_path):
    """Fail the test if it leaves a process, a thread, a temporary file or a generation behind."""
    before = _present(temp_folder, tmp_path)
    yield
    deadline = time.monotonic() + GONE_SECONDS
    while (left := _present(temp_folder, tmp_path) - before) and time.monotonic() < deadline:
        time.sleep(0.02)
    for thing in left:
        if isinstance(thing, psutil.Process):
            thing.kill()
    assert not left


def _present(temp_folder: Path, tmp_path: Path) -> set:
    # multiprocessing keeps a folder pymp-* for the forkserver's socket until this process ends.
    temporary = {path for path in temp_folder.iterdir() if not path.name.startswith("pymp-")}
    aside = set(tmp_path.rglob("*.tmp"))
    return {*_children(), *threading.enumerate(), *temporary, *aside, *_uncommitted(tmp_path)}


def _children() -> set[psutil.Process]:
    """All descendants but multiprocessing's two helpers, which live as long as this process.

    One that has ended and that nobody has waited for counts.
    """
    found = set()
    for child in psutil.Process().children():
        try:
            command = " ".join(child.cmdline())
            found.update(child.children(recursive=True))
        except psutil.ZombieProcess:
            command = ""
        except psutil.Error:
            continue
        if "multiprocessing.forkserver" in command or "multiprocessing.resource_tracker" in command:
            continue
        found.add(child)
    return found


def _uncommitted(tmp_path: Path) -> set[Path]:
    """Generations of result folders that no link points to."""
    committed = {path.resolve() for path in tmp_path.rglob("*") if path.is_symlink()}
    generations = {path.parent for path in tmp_path.rglob("_runs/*/*/_lock")}
    generations |= {path.parent for path in tmp_path.rglob("_runs/*/*/part-*")}
    return {path for path in generations if path.resolve() not in committed}
