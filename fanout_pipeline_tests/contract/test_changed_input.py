"""An input that changes while it is read: one clear error, whatever it broke; earlier results stay."""

from dataclasses import replace
from itertools import product

import pytest

from fanout_pipeline import FanoutSpec, IntegerLines, Options
from fanout_pipeline.engine.scattered.scattered import ScatteredRun
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.sources.provenance import require_unchanged
from fanout_pipeline.sources.source import BadInput
from fanout_pipeline_tests.contract.checks import assert_same_results, contents
from fanout_pipeline_tests.contract.functions import changing_files, returning
from fanout_pipeline_tests.contract.runs import run, write_items

pytestmark = pytest.mark.usefixtures("leaves_nothing")
HOW = {
    "grows": "grew from 500 to 505 bytes",
    "shrinks": "shrank from 500 to 252 bytes",
    "is emptied": "shrank from 500 to 0 bytes",
    "is rewritten": "was written to",
    "is spoilt": "was written to",
    "is replaced": "was replaced",
    "is removed": "was removed",
}


@pytest.mark.parametrize(
    ("name", "how"),
    [
        *(("serial", how) for how in HOW),
        *product(["threads", "asyncio", "vectorized"], ["grows", "is replaced"]),
        *(("multiprocess", how) for how in ("grows", "is emptied", "is replaced", "is removed")),
    ],
)
def test_input_changes(name, how, file, earlier, tmp_path):
    """Whoever writes to the input of a run learns that, and not of a line that never was; then again."""
    changing = write_items(tmp_path / "changing.txt", 100)
    with pytest.raises(BadInput) as caught:
        run(name, changing, changing_files.Changes(changing, how), earlier)
    message = str(caught.value)
    assert f"{changing} {HOW[how]} while it was read. Nothing was committed" in message
    assert "Run again once nothing else writes to the input." in message
    assert caught.value.__cause__ is None or how == "is removed"
    again = write_items(changing, 120)
    run(name, again, returning.same, tmp_path / "squares" / "again")
    assert_same_results(tmp_path / "squares" / "again", again, returning.same)


@pytest.mark.parametrize(
    ("when", "how"),
    [
        *product(["between the steps"], HOW),
        *product(["during a chunk"], ["grows", "is spoilt", "is removed"]),
    ],
)
def test_input_changes_between_steps(how, when, file, earlier, tmp_path):
    """Steps of a scheduler's, in processes of their own, hold to the file as it was when it was cut."""
    changing = write_items(tmp_path / "changing.txt", 100)
    change = changing_files.Changes(changing, how)
    function = change if when == "during a chunk" else returning.same
    spec = FanoutSpec("squares", IntegerLines(str(changing)), function)
    target = ResultFolder(earlier.with_name("steps"))
    run("serial", file, returning.same, target.path)
    before = contents(target.path)

    def run_all(run, spec=spec):
        options = Options(workers=1)
        scattered = ScatteredRun.join(
            "steps", spec, target.path, replace(options, chunks=4), run, is_over=lambda _: True
        )
        for chunk in scattered.scatter():
            scattered.run_chunk(chunk.start, chunk.stop)
        if when == "between the steps" and run == "a run":
            change.change()
        scattered.gather([])

    with pytest.raises(BadInput, match=r"while it was read\. Nothing was committed"):
        run_all("a run")
    assert contents(target.path) == before
    write_items(changing, 100)
    run_all("the next", FanoutSpec("squares", spec.source, returning.same))
    assert_same_results(target.path, changing, returning.same)


def test_an_input_that_is_only_looked_at_is_unchanged(file):
    """Reading or examining a file does not change it."""
    source = IntegerLines(str(file))
    version = source.version()
    source.examine()
    source.read(source.chunks(1)[0])
    require_unchanged(source, version)
