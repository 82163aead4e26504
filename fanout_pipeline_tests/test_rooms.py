"""Imports run one way: between rooms, between their sub-rooms and between modules."""

import ast
import json
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import fanout_pipeline

PACKAGE = Path(fanout_pipeline.__file__).parent
PUBLIC = "fanout_pipeline"
"""The public surface, which imports a name when it is asked for."""

ORDER = (
    "results.files",
    "results.types",
    "results.store",
    "results",
    "sources",
    "engine.system",
    "engine.timing",
    "engine.model",
    "engine.functions",
    "engine.calls",
    "engine.scheduling",
    "engine.workers",
    "engine.strategies",
    "engine.clusters",
    "engine.baselines",
    "engine.incremental",
    "engine",
    "engine.scattered",
    "measuring",
    "measuring.statistics",
    "measuring.correctness",
    "measuring.trials",
    "measuring.comparison",
    "measuring.break_even",
    "reporting",
    "numbers_file",
    "squares",
    "executor",
    "defs.shared",
    "defs.config",
    "defs.guest",
    "defs.component",
    "defs.assets",
    "defs.trial_runs",
    "defs.lab",
    "defs",
    "definitions",
    "command_line.cleaning",
    "command_line.examining",
    "command_line",
    "__main__",
)
"""Each may import itself and those before it. `engine` stands for the modules directly in it."""


@cache
def modules():
    """The path of each module by its name."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


def named(path):
    """What a file imports, at its top, in functions and for type checkers alike."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in modules() else node.module


@cache
def graph():
    """Each module with the modules of the package that it imports."""
    return {
        name: {found for found in named(path) if found in modules() and found != name}
        for name, path in modules().items()
        if name != PUBLIC
    }


def room(module):
    """The place of a module in ORDER."""
    names = module.split(".")[1:]
    for name in (".".join(names[:2]), names[0]):
        if name in ORDER:
            return name
    raise AssertionError(f"{module}: give its room a place in ORDER")


def test_imports_run_one_way():
    """A room can be understood, tested and reused without those that come after it."""
    upward = [
        f"{module} -> {found}"
        for module, imports in sorted(graph().items())
        for found in sorted(imports)
        if found == PUBLIC or ORDER.index(room(found)) > ORDER.index(room(module))
    ]
    assert upward == []


def test_no_imports_go_in_a_circle():
    """Each module can be read before those that use it."""
    try:
        TopologicalSorter(graph()).prepare()
    except CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from None


def test_sources_results_and_executor_need_nothing_of_the_rest():
    """A format of inputs, the store of results and the executor can each be used alone."""
    for top in ("sources", "results", "executor"):
        users = {name for name in graph() if name.split(".")[1] == top}
        found = {one.split(".")[1] for name in users for one in graph()[name]}
        assert found <= {top}


def test_only_the_wiring_imports_dagster():
    """All that the project measures can be used without Dagster."""
    importers = {
        module.split(".")[1]
        for module, path in modules().items()
        if module != PUBLIC
        and any(name.partition(".")[0].startswith("dagster") for name in named(path))
    }
    assert importers <= {"defs", "executor", "definitions"}


def test_nothing_but_the_wiring_knows_the_example():
    """Squares and numbers are one use of the project; no other code is made for them."""
    example = {f"fanout_pipeline.{name}" for name in ("numbers_file", "squares")}
    users = {module.split(".")[1] for module, imports in graph().items() if imports & example}
    assert users <= {"defs", "definitions"}


def test_every_package_says_at_its_door_what_belongs_there():
    """A newcomer finds the place of a line without asking."""
    for path in PACKAGE.rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(path.read_text())), f"{path} has no docstring"


def test_the_public_surface_is_what_it_says():
    """Every public name can be imported, is listed by `dir`, and no other is promised."""
    assert fanout_pipeline.__all__ == sorted(fanout_pipeline.__all__)
    assert set(fanout_pipeline.__all__) <= set(dir(fanout_pipeline))
    for name in fanout_pipeline.__all__:
        assert getattr(fanout_pipeline, name).__name__ == name


WORKER = """
import json, sys
from fanout_pipeline.engine.calls.items import process_chunk
from fanout_pipeline.engine.workers import main as worker
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline import IntegerLines
from fanout_pipeline.squares import square
from fanout_pipeline.results.store.local_generation import LocalGeneration
from pathlib import Path

source = IntegerLines(sys.argv[1])
chunks = source.chunks(1)
work = Work(source, square, None, chunks, LocalGeneration(Path(sys.argv[2])))
record = process_chunk(work, chunks[0]).part
assert record.items == 3
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.mark.parametrize("largest", [3, 2**80], ids=["int64", "wider"])
def test_a_worker_loads_neither_dagster_nor_pandas(tmp_path, largest):
    """A worker starts in tenths of a second, because it loads what its chunk needs and no more."""
    (tmp_path / "numbers.txt").write_text(f"1\n-2\n{largest}\n")
    done = subprocess.run(
        [sys.executable, "-c", WORKER, str(tmp_path / "numbers.txt"), str(tmp_path)],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    loaded = set(json.loads(done.stdout))
    assert "pyarrow" in loaded
    assert loaded & {"dagster", "pandas", "matplotlib", "sqlalchemy", "pydantic"} == set()
