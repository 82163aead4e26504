"""Every test here runs strategies: all are slow, and none may hang."""

import pytest

from fanout_pipeline_tests.contract.checks import contents
from fanout_pipeline_tests.contract.functions import returning
from fanout_pipeline_tests.contract.runs import run, write_items


def pytest_collection_modifyitems(items):
    for item in items:
        if "contract" in item.path.parts:
            item.add_marker(pytest.mark.slow)
            if not item.get_closest_marker("timeout"):
                item.add_marker(pytest.mark.timeout(180))


@pytest.fixture
def file(tmp_path):
    """100 items of 5 bytes, 1000 + index."""
    return write_items(tmp_path / "numbers.txt", 100)


@pytest.fixture
def earlier(tmp_path, file):
    """A folder with earlier results; in the end they must be there still, to the byte."""
    folder = tmp_path / "squares" / "results"
    run("serial", file, returning.same, folder)
    before = contents(folder)
    yield folder
    assert contents(folder) == before
