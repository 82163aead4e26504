"""Asset checks say what is wrong with a result folder, in numbers."""

import dagster as dg
import pytest

from fanout_pipeline import write_results
from fanout_pipeline.defs.assets.checks import check_results, check_specs
from fanout_pipeline.measuring.correctness.order_check import check_order
from fanout_pipeline.measuring.correctness.verification import Verification

KEY = dg.AssetKey(["squares", "threads"])
EXPECTED = [n * n for n in range(1000)]


def checked(tmp_path, results, keeps_order=True, expected=EXPECTED):
    """The three check results of a folder that holds `results`, by the name of the check."""
    write_results(tmp_path / "serial", expected, part_items=300)
    write_results(tmp_path / "threads", results, part_items=170)
    check = check_order(tmp_path / "threads", tmp_path / "serial")
    verification = Verification(check, "squares/serial", 0.1, values=check.items)
    found = check_results(KEY, verification, keeps_order)
    return {result.check_name: result for result in found}


def values(result):
    return {name: value.value for name, value in result.metadata.items()}


def passed(results):
    return {name: result.passed for name, result in results.items()}


def test_right_results_pass_with_numbers(tmp_path):
    """A passed check records how much it looked at, so that a pass can be believed."""
    found = checked(tmp_path, EXPECTED)
    assert passed(found) == {"order": True, "completeness": True, "values": True}
    common = {
        "items": 1000,
        "expected_items": 1000,
        "checked_against": "squares/serial",
        "compared": 1000,
    }
    assert values(found["order"]) == common | {"out_of_place": 0, "displaced": []}
    assert values(found["completeness"]) == common | {
        "missing": 0,
        "duplicated": 0,
        "lost": [],
        "repeated": [],
    }
    right = {"wrong": 0, "foreign": [], "inexact": 0, "largest_relative_difference": 0.0}
    assert values(found["values"]) == common | right


def test_a_swapped_pair_fails_the_order(tmp_path):
    """Two results that changed places are found, and named with both values."""
    results = EXPECTED.copy()
    results[400], results[600] = results[600], results[400]
    found = checked(tmp_path, results)
    assert passed(found) == {"order": False, "completeness": True, "values": True}
    order = values(found["order"])
    assert order["out_of_place"] == 2
    assert order["displaced"] == [
        {"index": 400, "value": "360000"},
        {"index": 600, "value": "160000"},
    ]
    assert order["first_divergent_index"] == 400
    assert (order["expected_there"], order["found_there"]) == ("160000", "360000")
    assert found["order"].severity is dg.AssetCheckSeverity.ERROR
    assert "2 of 1,000 results are out of place, the first at index 400" in (
        found["order"].description
    )


def test_a_lost_order_is_a_warning_where_it_is_expected(tmp_path):
    """`queue` shows its lost order without failing the pipeline, and says where the remedy is."""
    found = checked(tmp_path, EXPECTED[500:] + EXPECTED[:500], keeps_order=False)
    assert passed(found) == {"order": False, "completeness": True, "values": True}
    assert found["order"].severity is dg.AssetCheckSeverity.WARN
    assert "The strategy indexed_queue shows the remedy" in found["order"].description
    assert values(found["order"])["out_of_place"] == 1000


@pytest.mark.parametrize("position", [0, 170, 555, 999])
def test_a_lost_result_fails_completeness(tmp_path, position):
    """A result that is not there is found by its index, and the rest is still in order."""
    found = checked(tmp_path, EXPECTED[:position] + EXPECTED[position + 1 :])
    assert passed(found) == {"order": True, "completeness": False, "values": True}
    complete = values(found["completeness"])
    assert (complete["missing"], complete["duplicated"]) == (1, 0)
    assert complete["lost"] == [{"index": position, "value": str(position**2)}]
    assert (complete["items"], complete["expected_items"]) == (999, 1000)


def test_a_repeated_result_fails_completeness(tmp_path):
    """A result that is there twice is found by its position."""
    found = checked(tmp_path, [*EXPECTED[:700], EXPECTED[250], *EXPECTED[700:]])
    assert passed(found) == {"order": True, "completeness": False, "values": True}
    complete = values(found["completeness"])
    assert (complete["missing"], complete["duplicated"]) == (0, 1)
    assert complete["repeated"] == [{"index": 700, "value": "62500"}]


def test_a_wrong_result_fails_the_values(tmp_path):
    """A result that the reference does not have is called wrong, and not missing as well."""
    results = EXPECTED.copy()
    results[123] = -1
    found = checked(tmp_path, results)
    assert passed(found) == {"order": True, "completeness": True, "values": False}
    wrong = values(found["values"])
    assert wrong["wrong"] == 1
    assert wrong["foreign"] == [{"index": 123, "value": "-1"}]
    assert found["values"].description == "1 wrong."


def test_all_faults_at_once_are_told_apart(tmp_path):
    """Lost, repeated, wrong and swapped results in one folder are each counted once."""
    results = EXPECTED.copy()
    results[10], results[20] = results[20], results[10]
    results[500] = -5
    results.insert(900, EXPECTED[300])
    del results[700]
    found = checked(tmp_path, results)
    assert passed(found) == {"order": False, "completeness": False, "values": False}
    assert values(found["order"])["out_of_place"] == 2
    complete = values(found["completeness"])
    assert (complete["missing"], complete["duplicated"]) == (1, 1)
    assert complete["lost"] == [{"index": 700, "value": "490000"}]
    assert values(found["values"])["wrong"] == 1


def test_no_results_of_no_items_pass(tmp_path):
    """An empty input is right, not an error."""
    found = checked(tmp_path, [], expected=[])
    assert passed(found) == {"order": True, "completeness": True, "values": True}
    assert values(found["order"])["items"] == 0


def test_specs_and_results_name_the_same_checks(tmp_path):
    """Every check that is declared is evaluated, in the same order."""
    specs = check_specs(KEY, keeps_order=True)
    assert [spec.name for spec in specs] == list(checked(tmp_path, EXPECTED))
    assert {spec.asset_key for spec in specs} == {KEY}
    warned = next(spec for spec in check_specs(KEY, keeps_order=False) if spec.name == "order")
    assert "Expected to fail here" in warned.description
