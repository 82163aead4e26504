"""What is installed with the package is what it imports."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import fanout_pipeline
from fanout_pipeline.measuring import extra

PACKAGE = Path(fanout_pipeline.__file__).parent
PROJECT = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]
IF_THERE = {"polars"}
"""Used where somebody has installed it: to_polars() says so."""
DISTRIBUTION = {"pydantic_core": "pydantic", "upath": "universal-pathlib", "yaml": "pyyaml"}
"""Where another distribution than that of the library's own name is what is installed."""


def names(requirements):
    """The distributions that requirements name, as they are compared."""
    return {re.match(r"[\w-]+", one)[0] for one in requirements}


def imported():
    """The distribution of each library that the package imports, with the rooms that import it."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module]
            else:
                continue
            for module in modules:
                top = module.partition(".")[0]
                if top not in {*sys.stdlib_module_names, "fanout_pipeline"}:
                    found.setdefault(DISTRIBUTION.get(top, top), set()).add(room)
    return found


def test_what_is_imported_is_installed_and_nothing_else():
    """A project that installs the package gets what it imports; formats and the lab have their extras."""
    extras = PROJECT["optional-dependencies"]
    needed = names(PROJECT["dependencies"])
    optional = {name: names(extras[name]) for name in ("dask", "lab", "remote", "sql")}
    found = imported()
    assert found.keys() - IF_THERE == needed.union(*optional.values())
    for name in optional["lab"]:
        assert found[name] <= {"measuring", "reporting"}
    assert {"fsspec", "sqlalchemy"} == optional["remote"] | optional["sql"]
    assert {"dask", "distributed"} == optional["dask"]


def test_the_lab_asks_for_all_of_its_extra():
    """Whoever compares without it is told before anything is measured."""
    assert set(extra.LIBRARIES) == names(PROJECT["optional-dependencies"]["lab"])
