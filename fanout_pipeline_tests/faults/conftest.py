"""Every test here is slow, and part of `make test-faults`."""

import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        if "faults" in item.path.parts:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.faults)


@pytest.fixture(scope="session", autouse=True)
def _no_files_in_tmp(temp_folder):
    """What a command that is killed outright leaves is pytest's to remove."""
