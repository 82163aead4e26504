"""A project of its own for each test, with nothing left running."""

import shutil

import pytest

from fanout_pipeline_tests.end_to_end.guest import Guest, installation
from fanout_pipeline_tests.end_to_end.project import BRIEF, EARLIER, Project


def pytest_collection_modifyitems(items):
    for item in items:
        if "end_to_end" in item.path.parts:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory):
    """A project after `comparison_job` with few numbers; `finished` gives each test a copy."""
    project = Project.new(tmp_path_factory.mktemp("finished") / "project")
    config = {"ops": BRIEF | {"numbers_file": {"config": {"count": EARLIER}}}}
    code, output = project.execute("comparison_job", config)
    assert code == 0, output
    return project


@pytest.fixture
def finished(finished_once, tmp_path):
    """A project whose last run finished, with EARLIER numbers."""
    shutil.copytree(finished_once.folder, tmp_path / "project", symlinks=True)
    project = Project(tmp_path / "project")
    yield project
    project.end_all()


@pytest.fixture
def project(tmp_path):
    project = Project.new(tmp_path / "project")
    yield project
    project.end_all()


@pytest.fixture(scope="session")
def installed_elsewhere(tmp_path_factory):
    """An environment in which the package is installed, and the checkout's root not importable."""
    return installation(tmp_path_factory.mktemp("environment") / "venv")


@pytest.fixture
def guest(tmp_path, installed_elsewhere):
    """A project of somebody else's, in a folder of its own."""
    guest = Guest.new(tmp_path / "guest", installed_elsewhere)
    yield guest
    guest.end_all()
