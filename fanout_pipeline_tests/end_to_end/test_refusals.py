"""What cannot be done is refused, with the reason and the remedy; earlier results stay."""

import pytest

from fanout_pipeline_tests.end_to_end.project import EARLIER

SQUARES = [n * n for n in range(EARLIER)]


def test_results_of_different_inputs_are_not_compared(finished):
    """Two times of different work are never put side by side; the message says what to make anew."""
    report = finished.data / "squares" / "comparison" / "report.json"
    earlier = report.read_bytes()
    config = {"ops": {"numbers_file": {"config": {"count": EARLIER + 1}}}}
    code, output = finished.materialize("numbers_file", "squares/serial", config=config)
    assert code == 0, output
    code, output = finished.materialize("squares/comparison")
    assert code != 0
    assert "squares/serial was made from another input" in output
    assert "Re-materialize squares/serial, or squares/trials if that is the older one" in output
    assert report.read_bytes() == earlier


@pytest.mark.parametrize("strategy", ["multiprocess", "dagster_multiprocess"])
def test_a_bad_line_fails_the_run_and_is_named(finished, strategy):
    """One wrong line among thousands is found by file, line and text; nothing half-made is visible."""
    file = finished.data / "numbers.txt"
    lines = file.read_text().splitlines()
    lines[1233] = "twelve"
    file.write_text("\n".join(lines) + "\n")
    code, output = finished.materialize(f"squares/{strategy}")
    assert code != 0
    assert f"line 1234 of {file} is not an integer: 'twelve'" in output
    assert finished.results(strategy) == SQUARES


def test_a_missing_input_says_what_to_materialize(finished):
    """Whoever starts with squares is told that the numbers come first."""
    file = finished.data / "numbers.txt"
    file.unlink()
    code, output = finished.materialize("squares/threads")
    assert code != 0
    assert (
        f"Cannot read {file}: No such file in the folder {file.parent}. Materialize the asset"
        in output
    )
    assert finished.results("threads") == SQUARES
