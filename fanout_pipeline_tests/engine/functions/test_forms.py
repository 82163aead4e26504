"""Every ordinary form of a function works in a worker process, wherever it is defined."""

import asyncio
import importlib.util
import inspect
import sys
import types
from pathlib import Path

import pytest

from fanout_pipeline import TextLines, read_results
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.system.import_path import importing_from
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.workers.pool import worker_processes
from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline.results.store.manifest import Manifest
from fanout_pipeline_tests.engine.functions import forms

pytestmark = pytest.mark.slow

TEXT = Path(forms.__file__).read_text()
WITH_DAGSTER = "import dagster as dg\n\ndefs = dg.Definitions()\n"
HELPER = "def helped(line):\n    return line.title()\n"
LINES = ["to be or not 1", "b", "ab ba"]


def beside(folder):
    """A module in the folder of the definitions, which Dagster has on `sys.path` as it loads them."""
    return imported(folder, "forms_beside", TEXT)


def in_definitions(folder):
    """The same, but it defines Dagster's objects, too."""
    return imported(folder, "forms_in_definitions", TEXT + WITH_DAGSTER)


def in_a_package_of_definitions(folder):
    """A module without them in a package that has them in its `__init__`."""
    (folder / "package_of_forms").mkdir()
    (folder / "package_of_forms" / "__init__.py").write_text(WITH_DAGSTER)
    return imported(folder, "package_of_forms.forms", TEXT)


def by_hand(folder):
    """A module from a file that is on nobody's path, as `dagster -f` loads it."""
    (folder / "elsewhere").mkdir()
    file = folder / "elsewhere" / "forms_by_hand.py"
    file.write_text(TEXT)
    spec = importlib.util.spec_from_file_location("forms_by_hand", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules["forms_by_hand"] = module
    spec.loader.exec_module(module)
    return module


def in_main(folder):
    """A script, or a notebook."""
    namespace = {"__name__": "__main__"}
    exec(TEXT, namespace)
    return types.SimpleNamespace(**namespace)


def imported(folder, name, text):
    folder.joinpath(*name.split(".")).with_suffix(".py").write_text(text)
    importlib.invalidate_caches()
    with importing_from([str(folder)]):
        return importlib.import_module(name)


HOMES = [beside, in_definitions, in_a_package_of_definitions, by_hand, in_main]


class Home:
    """A module of forms, and a worker process for them."""

    def __init__(self, module, crew, folder):
        self.module, self.said = module, []
        self._crew, self._generation = crew, LocalGeneration(folder)
        self._source = TextLines(str(folder / "lines.txt"))

    def worked(self, function):
        work = Work(
            self._source, function, None, self._source.chunks(1), self._generation, fixed=True
        )
        parts = self._crew.run(work, Progress("multiprocess", self.said.append)).parts
        Manifest("multiprocess", tuple(parts)).save(self._generation)
        return read_results(self._generation.path)["result"].tolist()


@pytest.fixture(scope="module", params=HOMES, ids=lambda home: home.__name__)
def home(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("forms")
    (folder / "helper_of_forms.py").write_text(HELPER)
    (folder / "lines.txt").write_text("".join(f"{line}\n" for line in LINES))
    before = set(sys.modules)
    module = request.param(folder)
    with importing_from([str(folder)]), worker_processes(1) as crew:
        yield Home(module, crew, folder)
    for name in set(sys.modules) - before:
        if "forms" in name:
            del sys.modules[name]


@pytest.mark.parametrize("name", forms.FORMS)
def test_it_gives_there_what_it_gives_here(home, name):
    """By its name or with its code, a worker process calls the same function."""
    function = home.module.FORMS[name]
    expected = [function(line) for line in LINES]
    if inspect.iscoroutinefunction(function):
        expected = [asyncio.run(one) for one in expected]
    assert home.worked(function) == expected


def test_workers_import_no_dagster(home):
    """Also where the function is defined beside definitions; the log says once how it travels."""
    home.said.clear()
    assert home.worked(home.module.loads_dagster) == [False] * 3
    (said,) = home.said or [""]
    name = home.module.loads_dagster.__module__
    if home.module.__name__ == "forms_beside":
        assert said == ""
    else:
        assert f"what is defined in {name} is sent to worker processes with its code" in said
        assert ("holds Dagster objects" in said) == (
            "defs" in dir(home.module) or "package" in name
        )
