"""Which room may import which, and what a worker does not load."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import fanout_pipeline

PACKAGE = Path(fanout_pipeline.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
EXAMPLE = {"numbers_file", "squares"}
MAY_IMPORT = {
    "parts": set(),
    "sources": set(),
    "fanout": {"parts", "sources"},
    "measuring": {"fanout", "parts", "sources"},
    "reporting": {"measuring", "fanout", "parts", "sources"},
    "defs": {"reporting", "measuring", "fanout", "parts", "sources"} | EXAMPLE,
    "definitions": {"defs"},
    "numbers_file": {"parts", "sources"},
    "squares": {"parts", "sources"},
    "__init__": set(),
}


def imported(path):
    """The modules that a file imports, at its top or inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield node.module
            # `from fanout_pipeline import parts` names a room, too.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def rooms_imported(path):
    names = [name.split(".") for name in imported(path)]
    return {name[1] for name in names if name[0] == "fanout_pipeline" and len(name) > 1}


def test_every_room_is_known():
    """A new room has to be given its place in the order of imports."""
    assert {room(path) for path in MODULES} == set(MAY_IMPORT)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path):
    """A room can be understood, tested and reused without those above it."""
    assert rooms_imported(path) <= MAY_IMPORT[room(path)] | {room(path)}


def test_only_the_wiring_imports_dagster():
    """All that the project measures can be used without Dagster."""
    importers = {
        room(path)
        for path in MODULES
        if any(name.partition(".")[0].startswith("dagster") for name in imported(path))
    }
    assert importers == {"defs", "definitions"}


@pytest.mark.parametrize("name", sorted(EXAMPLE))
def test_nothing_but_the_wiring_knows_the_example(name):
    """Squares and numbers are one use of the project; no other code is made for them."""
    users = {room(path) for path in MODULES if name in rooms_imported(path)}
    assert users == {"defs"}


WORKER = """
import json, sys
from fanout_pipeline.engine.calls import items as chunk_work
from fanout_pipeline.engine.workers import main as worker
from fanout_pipeline.engine.model.strategy import Work
from fanout_pipeline import IntegerLines
from fanout_pipeline.squares import square
from pathlib import Path

source = IntegerLines(sys.argv[1])
chunks = source.chunks(1)
work = Work(source, square, None, chunks, Path(sys.argv[2]))
record = chunk_work.process_chunk(work, chunks[0]).part
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
