"""The project of docs/guide.md, run as it stands there beside assets of a project's own."""

import ast
import json

import pandas
import pytest

from fanout_pipeline import read_results
from fanout_pipeline_tests.end_to_end.guide_project import MODULES, project_of_the_guide

GLUE = {
    "orders": "scored",
    "inbox": "counted",
    "shop": "priced",
    "customers": "valued",
    "existing": "addresses",
}
"""The modules that tell Dagster of a function, and the asset of each."""


@pytest.fixture(scope="module")
def project(tmp_path_factory, installed_elsewhere):
    folder = tmp_path_factory.mktemp("guide") / "guest"
    with project_of_the_guide(folder, installed_elsewhere) as project:
        yield project


def test_six_lines_of_glue():
    """What is neither an import nor the business function is at most six lines for each transform."""
    for module in GLUE:
        tree = ast.parse(MODULES[module])
        statements = [
            one
            for one in tree.body
            if not isinstance(one, ast.Import | ast.ImportFrom)
            and not (module == "orders" and isinstance(one, ast.FunctionDef))  # an asset that reads
        ]
        lines = [n for one in statements for n in range(first_line(one), one.end_lineno + 1)]
        assert 1 <= len(lines) <= 6, (module, len(lines))


def first_line(statement):
    return min(
        [statement.lineno, *(one.lineno for one in getattr(statement, "decorator_list", ()))]
    )


@pytest.fixture(scope="module")
def materialized(project):
    """All but what has partitions, by one command."""
    keys = "customers", "scored", "flagged", "priced", "valued", "addresses"
    code, output = project.materialize(*keys, module="definitions")
    assert code == 0, output
    return project


def test_scores_are_read_by_an_asset_of_theirs(materialized):
    """Three columns are scored to two, joined by key, and another asset has them through its annotation."""
    orders = pandas.read_parquet(materialized.data / "orders.parquet")
    scored = read_results(materialized.data / "scored")
    assert scored["order_id"].tolist() == orders["order_id"].tolist()
    risk = orders["amount"] * orders["country"].map({"ZZ": 3}).fillna(1) / (1 + orders["age_days"])
    assert scored["risk"].tolist() == risk.tolist()
    flagged = pandas.read_feather(materialized.works_in / "warehouse" / "flagged.feather")
    assert flagged["order_id"].tolist() == orders["order_id"][risk > 500].tolist()


def test_an_api_is_asked_for_each_product(materialized):
    """Each product has its price though the server refuses some calls, and the key is in no file."""
    priced = read_results(materialized.data / "priced")
    assert priced["price"].tolist() == [number / 4 for number in range(2000)]
    files = [*materialized.data.rglob("*"), *materialized.home.rglob("*")]
    found = [one for one in files if one.is_file() and b"a key of the shop" in one.read_bytes()]
    assert found == []


def test_a_model_is_loaded_once_a_worker(materialized):
    """The frame of another asset comes through the project's IO manager; missing values are None."""
    valued = read_results(materialized.data / "valued")
    share = [0.9, 0.6, 0.3, 0.3]
    assert valued["value"].tolist() == [number * share[number % 4] for number in range(100)]


def test_a_call_in_an_asset_that_was_there(materialized):
    """The asset hands on what it always did, to the same IO manager."""
    found = pandas.read_feather(materialized.works_in / "warehouse" / "addresses.feather")
    assert found["street"].tolist() == [f"{number} Main Street" for number in range(100)]
    assert set(found["town"]) == {"NL TOWN"}


def test_nothing_of_theirs_changes(materialized):
    """The package adds the assets that were asked for, their checks, and no job, resource or executor."""
    code, output = materialized.run("python", "-c", LISTED)
    assert code == 0, output
    found = json.loads(output.splitlines()[-1])
    assert found["assets"] == sorted({"customers", "flagged", *GLUE.values()})
    assert found["checks"] == 8
    assert found["jobs"] == []
    assert found["resources"] == ["io_manager", "settings", "shop"]
    assert found["executor"] == "multiprocess"


LISTED = """
import json
from definitions import defs
repository = defs.get_repository_def()
print(json.dumps({
    "assets": sorted(key.to_user_string() for key in repository.assets_defs_by_key),
    "checks": sum(len(list(one.check_keys)) for one in set(repository.assets_defs_by_key.values())),
    "jobs": [job.name for job in repository.get_all_jobs() if not job.name.startswith("__")],
    "resources": sorted(name for name in defs.resources),
    "executor": defs.executor.name,
}))
"""
