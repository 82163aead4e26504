"""Results that are visible are recorded, whatever goes wrong in the check of them."""

import os
from pathlib import Path

import dagster as dg
import pytest

from fanout_pipeline import FanoutSpec, IntegerLines, read_results, write_results
from fanout_pipeline.defs.config.data_folder import DataFolder
from fanout_pipeline.defs.config.resources import Fanout
from fanout_pipeline.defs.lab.factory import fanout_assets
from fanout_pipeline.defs.shared.json_io_manager import IO_MANAGER, json_io_manager
from fanout_pipeline.measuring.correctness import verification
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline_tests.defs import functions

SPEC = FanoutSpec("once", IntegerLines("input.txt"), functions.only_once)
CHECKS = ("order", "completeness", "values")

pytestmark = pytest.mark.slow


@pytest.fixture
def materialize(tmp_path, tmp_path_factory, monkeypatch):
    """Materializes one asset of SPEC, of the integers below 20; gives metadata and checks."""
    monkeypatch.setenv(functions.SIGN, str(tmp_path_factory.mktemp("called")))

    def materialize(name, **fanout):
        (tmp_path / "input.txt").write_text("".join(f"{n}\n" for n in range(20)))
        with dg.DagsterInstance.ephemeral(str(tmp_path_factory.mktemp("instance"))) as instance:
            result = dg.materialize(
                fanout_assets(SPEC),
                selection=[dg.AssetKey([SPEC.name, name])],
                instance=instance,
                resources={
                    "data_folder": DataFolder(root=str(tmp_path)),
                    "fanout": Fanout(workers=2, chunks=4, **fanout),
                    IO_MANAGER: json_io_manager,
                },
            )
        (event,) = result.get_asset_materialization_events()
        made = event.step_materialization_data.materialization.metadata
        checks = {one.check_name: one for one in result.get_asset_check_evaluations()}
        return {name: value.value for name, value in made.items()}, checks

    return materialize


def assert_unchecked(metadata, checks, names, reason):
    assert metadata["unchecked"].startswith(
        "The results are visible, but could not be checked: " + reason
    )
    assert metadata["items"] == 20
    assert metadata["digest"]
    assert "in_order" not in metadata
    for name in names:
        assert not checks[name].passed
        assert checks[name].severity is dg.AssetCheckSeverity.ERROR
        assert "could not be checked" in checks[name].description


@pytest.mark.parametrize("name", ["threads", "dagster_multiprocess"])
def test_a_function_that_fails_in_the_check_only(materialize, tmp_path, name):
    """The step succeeds, its results are recorded, and its checks say that nobody has looked at them."""
    metadata, checks = materialize(name, verify=1.0)
    assert_unchecked(metadata, checks, CHECKS, "ItemFailed: The function failed on item 0")
    assert checks["failures"].passed
    assert "<script>" not in checks["order"].description
    results = read_results(tmp_path / SPEC.name / name)["result"].tolist()
    assert results == [-n for n in range(20)]


@pytest.mark.parametrize("name", ["threads", "dagster_multiprocess"])
def test_a_function_need_not_be_called_twice(materialize, tmp_path, name):
    """Nothing is called for the check, which passes, and says what it did not look at."""
    metadata, checks = materialize(name)
    assert (metadata["missing"], metadata["duplicated"]) == (0, 0)
    assert metadata["checked_against"] == "the items of its input, counted"
    assert metadata["compared"] == 0
    assert metadata["in_order"] is True
    assert all(check.passed for check in checks.values())
    assert checks["order"].description.startswith(
        "Proved from the chunks: each item's index occurs"
    )
    assert checks["values"].description.startswith("No values were compared: serial has no results")


def test_the_order_of_arrival_is_not_proved_by_counting(materialize):
    """`queue` keeps no order: without results to compare with nobody knows whose its results are."""
    metadata, checks = materialize("queue", start_method="spawn")
    assert metadata["in_order"] is False
    assert not checks["order"].passed
    assert checks["order"].severity is dg.AssetCheckSeverity.WARN
    assert checks["values"].passed


def test_a_reference_that_is_there_is_used(materialize, tmp_path):
    """Results are compared where serial was made of the same."""
    materialize("serial")
    for sign in Path(os.environ[functions.SIGN]).iterdir():
        sign.unlink()
    metadata, checks = materialize("threads", verify=1.0)
    assert metadata["checked_against"] == "once/serial"
    assert metadata["compared"] == 20
    assert all(check.passed for check in checks.values())


def test_a_reference_that_cannot_be_read_back(materialize, monkeypatch):
    """The reference has one check, which says so."""

    def damaged(*arguments):
        raise OSError("the disk is gone")

    monkeypatch.setattr(verification, "self_check", damaged)
    metadata, checks = materialize("serial")
    assert_unchecked(metadata, checks, ["failures"], "OSError: the disk is gone")


@pytest.mark.parametrize("name", ["threads", "serial", "dagster_multiprocess"])
def test_a_run_that_another_one_replaces_meanwhile(materialize, tmp_path, monkeypatch, name):
    """Results of another run are not taken for this one's, to be called wrong or right."""
    verify = verification.verify

    def meets_a_commit(*arguments, **options):
        write_results(tmp_path / SPEC.name / name, [1, 2, 3])
        return verify(*arguments, **options)

    monkeypatch.setattr(verification, "verify", meets_a_commit)
    metadata, checks = materialize(name)
    names = ["failures"] if name == "serial" else CHECKS
    folder = tmp_path / SPEC.name / name
    assert_unchecked(metadata, checks, names, f"NoResults: {folder} was replaced meanwhile")


def test_a_reference_that_is_replaced_meanwhile(materialize, tmp_path, monkeypatch):
    """Results are compared with the reference that was made of the same, or not at all."""
    (serial, _), folder = materialize("serial"), tmp_path / SPEC.name / "serial"
    for sign in Path(os.environ[functions.SIGN]).iterdir():
        sign.unlink()
    check_order = verification.check_order

    def meets_a_commit(*arguments):
        write_results(folder, [0] * 20)
        return check_order(*arguments)

    monkeypatch.setattr(verification, "check_order", meets_a_commit)
    metadata, checks = materialize("threads")
    reason = f"Replaced: {folder} was replaced while it was being read"
    assert_unchecked(metadata, checks, CHECKS, reason)
    assert metadata["digest"] == serial["digest"]
    assert ResultFolder(folder).manifest().digest != serial["digest"]
