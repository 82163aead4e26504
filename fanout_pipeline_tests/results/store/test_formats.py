"""Results and ledgers of every format that there was are known to this version.

`format_<n>/powers` is a data root's folder as that format had it: twelve powers, of which two failed, are
visible, and a run that died has left two parts with their ledger.
"""

import json
import platform
import shutil
import time
from pathlib import Path

import pytest

from fanout_pipeline import (
    IntegerLines,
    Options,
    fan_out,
    iter_results,
    read_failures,
    read_results,
)
from fanout_pipeline.results.store.manifest import FAILURES_NAMES, FORMAT
from fanout_pipeline_tests.results.store.powers import power

HERE = Path(__file__).parent
NUMBERS = range(12)
POWERS = [None if n in (3, 7) else n**20 for n in NUMBERS]


@pytest.fixture(params=sorted(FAILURES_NAMES))
def data(request, tmp_path):
    """The data root of each format."""
    return _copy(tmp_path, request.param)


def _copy(tmp_path, number):
    shutil.copytree(HERE / f"format_{number}", tmp_path / "data", symlinks=True)
    return tmp_path / "data" / "powers"


def run_again(data):
    """A run of this version on the same numbers, and what it has said."""
    source = data / "numbers.txt"
    source.write_text("".join(f"{number}\n" for number in NUMBERS))
    options = Options(strategy="serial", chunks=3, on_error="quarantine")
    return fan_out(
        power, IntegerLines(str(source)), options=options, folder=data / "serial", code_version="1"
    )


def test_results_and_failures_are_read(data):
    """All that is visible can be read, whole or in batches, and what failed with its reason."""
    folder = data / "serial"
    assert read_results(folder)["result"].tolist() == POWERS
    assert [value for frame in iter_results(folder, 5) for value in frame["result"]] == POWERS
    failures = read_failures(folder)
    assert failures["index"].tolist() == [3, 7]
    assert failures["message"].tolist() == ["no power of 3", "no power of 7"]


def test_the_next_run_replaces_them(data):
    """Results of this version take their place, and nothing else of theirs is left."""
    assert list(run_again(data)) == [number**20 for number in NUMBERS]
    assert {path.name for path in data.iterdir()} == {"serial", "_runs", "numbers.txt"}
    runs = [path for path in (data / "_runs" / "serial").iterdir() if path.is_dir()]
    assert runs == [(data / "serial").resolve()]


def test_what_a_dead_run_of_this_format_has_done_is_not_done_again(tmp_path):
    """Whichever version it was: a ledger is carried over to the next that writes the same format."""
    data = _copy(tmp_path, FORMAT)
    (ledger,) = data.glob("_runs/serial/*/_ledger.jsonl")
    first, *parts = map(json.loads, ledger.read_text().splitlines())
    first["results"]["the version of Python"] = platform.python_version()
    parts = [part | {"at": time.time()} for part in parts]  # Older than a week they are made anew.
    ledger.write_text("".join(json.dumps(line) + "\n" for line in [first, *parts]))
    results = run_again(data)
    assert list(results) == [number**20 for number in NUMBERS]
    assert results.record.reused_items == 9


def test_what_a_dead_run_of_an_earlier_format_has_done_is_told(tmp_path, caplog):
    """It is made anew, and the log says why."""
    with caplog.at_level("INFO", "fanout_pipeline"):
        assert run_again(_copy(tmp_path, 3)).record.reused_items == 0
    assert "the 2 finished chunks of the run that stopped at" in caplog.text
    assert "the format of fanout_pipeline" in caplog.text
