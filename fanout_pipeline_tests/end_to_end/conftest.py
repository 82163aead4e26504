"""A project of its own for each test, with nothing left running."""

import pytest

from fanout_pipeline_tests.end_to_end.project import Project


def pytest_collection_modifyitems(items):
    for item in items:
        if "end_to_end" in item.path.parts:
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def project(tmp_path):
    project = Project.new(tmp_path / "project")
    yield project
    project.end_all()
