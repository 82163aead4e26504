"""A project of its own for each test, with nothing left running."""

import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

from fanout_pipeline_tests.end_to_end.guest import Guest, installation
from fanout_pipeline_tests.end_to_end.project import CHECKOUT, COMPARED, PICTURES, Project

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
]
"""Of the browser."""


def pytest_collection_modifyitems(items):
    for item in items:
        if "end_to_end" in item.path.parts:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def _no_files_in_tmp(temp_folder):
    """What a command that is killed outright leaves is pytest's to remove."""


@pytest.fixture(scope="session")
def compared(tmp_path_factory):
    """A project after `comparison_job`, which no test changes, and what the command printed."""
    project = Project(tmp_path_factory.mktemp("compared"))
    project.home.mkdir()  # new, as a first command finds it
    shutil.copy(CHECKOUT / "dagster_home" / "dagster.yaml", project.home)
    code, output = project.execute("comparison_job", COMPARED)
    assert code == 0, output
    return project, output


@pytest.fixture
def finished(compared, tmp_path):
    """A copy of the project of `compared`, for a test to go on with."""
    shutil.copytree(compared[0].folder, tmp_path / "project", symlinks=True)
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


@pytest.fixture
def page():
    """A page of a browser."""
    chromium = shutil.which("chromium")
    assert chromium, "chromium is missing: run `make test`, or `apt-get install chromium`"
    PICTURES.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1500, "height": 1000})
        page.set_default_timeout(60_000)
        yield page
        browser.close()
