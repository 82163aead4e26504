"""Two runs with a key at once, and a run whose input changes under it."""

import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from fanout_pipeline import BadInput, FanoutSpec, JsonLines, Options, Results
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline_tests.engine.incremental.functions import CALLS, append
from fanout_pipeline_tests.processes import until
from fanout_pipeline_tests.results.layout import generations

pytestmark = pytest.mark.usefixtures("leaves_nothing")


@dataclass(frozen=True)
class Waits:
    """Doubles a number once nobody wants it to wait any more; changes a file where it is asked to."""

    folder: Path

    def __call__(self, row):
        append(self.folder / CALLS, str(row["id"]))
        if (self.folder / "wait").exists():
            until(lambda: not (self.folder / "wait").exists())
        if row["id"] == 5 and (self.folder / "grow").exists():
            (self.folder / "grow").unlink()
            write(self.folder / "rows.jsonl", range(8), "a")
        return 2 * row["id"]


def write(file, ids, mode="w"):
    with open(file, mode) as opened:
        opened.writelines(f'{{"id": {n}}}\n' for n in ids)


def run(folder, file, log=lambda line: None):
    spec = FanoutSpec(
        "waits", JsonLines(str(file)), Waits(folder), key="id", keep=("id",), code_version="1"
    )
    how = {"ledger": True, "resume": True, "log": log}
    return run_strategy(STRATEGIES["serial"], spec, folder / "results", Options(), **how)


def called(folder):
    return list(map(int, (folder / CALLS).read_text().split()))


def shown(folder):
    with Results.of(folder / "results") as results:
        return list(results)


def test_two_runs_at_once(tmp_path):
    """The second waits for its turn, and carries over what the first has made, of the input that it then sees."""
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    write(first, range(6))
    (tmp_path / "wait").touch()
    one = threading.Thread(target=run, args=(tmp_path, first))
    one.start()
    until((tmp_path / CALLS).exists)

    def log(line):
        if line.startswith("waits for"):
            write(second, [7, 4, 3, 2])
            (tmp_path / "wait").unlink(missing_ok=True)

    write(second, [9])
    record = run(tmp_path, second, log)
    one.join()
    assert called(tmp_path) == [*range(6), 7]
    assert shown(tmp_path) == [14, 8, 6, 4]
    changes = record.changes
    assert (changes.new, changes.unchanged, changes.removed, changes.called) == (1, 3, 3, 1)
    assert generations(tmp_path / "results") == {(tmp_path / "results").resolve()}


def test_the_input_grows_during_a_run(tmp_path):
    """Such a run is refused, whatever it has carried over, and the next one calls what is left."""
    file = tmp_path / "rows.jsonl"
    write(file, range(4))
    run(tmp_path, file)
    write(file, [4, 5, 6], "a")
    (tmp_path / "grow").touch()
    with pytest.raises(BadInput, match="changed"):
        run(tmp_path, file)
    assert shown(tmp_path) == [0, 2, 4, 6]
    write(file, range(8))
    record = run(tmp_path, file)
    assert shown(tmp_path) == [2 * n for n in range(8)]
    assert called(tmp_path) == [0, 1, 2, 3, 4, 5, 6, 4, 5, 6, 7]
    assert record.changes.called == 4
