"""What is private in Dagster is used in few modules, and is there."""

import ast
import importlib
from pathlib import Path

import dagster as dg
import pytest

import fanout_pipeline

PACKAGE = Path(fanout_pipeline.__file__).parent
PURPOSES = {
    "executor/dagster_internals.py": "running steps in processes that are forked",
    "defs/config/bounds.py": "refusing run config before a run exists",
    "defs/config/data_folder.py": "a resource whose config depends on what code gave it",
    "defs/project.py": "finding the code location in a module",
    "defs/trial_runs/chunk_run.py": "loading the code location of another run",
    "defs/trial_runs/metered.py": "timing the event log",
}
"""Modules that may import what is private in Dagster, and what for. Use Dagster's public API elsewhere."""


def private_imports(path):
    """(module, name) of what a file imports from private modules of Dagster."""
    text = path.read_text()
    # All files are read wherever tests are collected, and to parse them all takes a second.
    for node in ast.walk(ast.parse(text)) if "dagster._" in text else ():
        if isinstance(node, ast.ImportFrom) and node.module.startswith("dagster._"):
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((a.name, None) for a in node.names if a.name.startswith("dagster._"))


FOUND = {
    str(path.relative_to(PACKAGE)): found
    for path in sorted(PACKAGE.rglob("*.py"))
    if (found := list(private_imports(path)))
}


def test_few_modules_use_what_is_private():
    """Whoever upgrades Dagster looks in one module for each purpose."""
    assert set(FOUND) == set(PURPOSES)


@pytest.mark.parametrize(
    ("file", "module", "name"), [(file, *one) for file, found in FOUND.items() for one in found]
)
def test_what_is_private_is_there(file, module, name):
    """A Dagster that has moved something is named, with what it was used for."""
    moved = f"Dagster {dg.__version__} has moved {module}.{name}: {PURPOSES[file]} ({file})"
    try:
        assert hasattr(importlib.import_module(module), name), moved
    except ImportError as error:
        raise AssertionError(moved) from error
