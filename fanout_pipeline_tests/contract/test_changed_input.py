"""An input that changes while it is read: one clear error, whatever it broke; earlier results stay."""

import pytest

from fanout_pipeline import FanoutSpec, IntegerLines, Options
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.scattered.scattered import ScatteredRun
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.sources.source import BadInput, require_unchanged
from fanout_pipeline_tests.contract import functions
from fanout_pipeline_tests.contract.test_faults import (
    contents,
    earlier,
    every_case,
    file,
    run,
    write_items,
)
from fanout_pipeline_tests.contract.test_strategies import assert_same_results

__all__ = ["earlier", "file"]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("leaves_nothing"),
    pytest.mark.timeout(60),
]
HOW = {
    "grows": "grew from 500 to 505 bytes",
    "shrinks": "shrank from 500 to 252 bytes",
    "is emptied": "shrank from 500 to 0 bytes",
    "is rewritten": "was written to",
    "is spoilt": "was written to",
    "is replaced": "was replaced",
    "is removed": "was removed",
}


@pytest.mark.parametrize("how", HOW)
@every_case
def test_input_changes(name, method, how, file, earlier, tmp_path):
    """Whoever writes to the input of a run learns that, and not of a line that never was; then again."""
    changing = write_items(tmp_path / "changing.txt", 100)
    with pytest.raises(BadInput) as caught:
        run(name, method, changing, functions.Changes(changing, how), earlier)
    message = str(caught.value)
    assert f"{changing} {HOW[how]} while it was read. Nothing was made visible" in message
    assert "Run again when nobody writes to it any more." in message
    assert caught.value.__cause__ is None or how == "is removed"
    again = write_items(changing, 120)
    run(name, method, again, functions.same, tmp_path / "squares" / "again")
    keeps_order = STRATEGIES[name].keeps_order
    assert_same_results(tmp_path / "squares" / "again", again, functions.same, keeps_order)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("when", ["during a chunk", "between the steps"])
def test_input_changes_between_steps(how, when, file, earlier, tmp_path):
    """Steps of a scheduler's, in processes of their own, hold to the file as it was when it was cut."""
    changing = write_items(tmp_path / "changing.txt", 100)
    change = functions.Changes(changing, how)
    function = change if when == "during a chunk" else functions.same
    spec = FanoutSpec("squares", IntegerLines(str(changing)), function)
    target = ResultFolder(earlier.with_name("steps"))
    run("serial", "none", file, functions.same, target.path)
    before = contents(target.path)

    def run_all(run, spec=spec):
        options = Options(1, "any")
        scattered = ScatteredRun.join(
            "steps", spec, target.path, options, run, chunks=4, is_over=lambda _: True
        )
        for chunk in scattered.scatter():
            scattered.run_chunk(chunk.start, chunk.stop)
        if when == "between the steps" and run == "a run":
            change.change()
        scattered.gather([])

    with pytest.raises(BadInput, match=r"while it was read\. Nothing was made visible"):
        run_all("a run")
    assert contents(target.path) == before
    write_items(changing, 100)
    run_all("the next", FanoutSpec("squares", spec.source, functions.same))
    assert_same_results(target.path, changing, functions.same, keeps_order=True)


def test_an_input_that_is_only_looked_at_is_unchanged(file):
    """Reading or examining a file does not change it."""
    source = IntegerLines(str(file))
    version = source.version()
    source.examine()
    source.read(source.chunks(1)[0])
    require_unchanged(source, version)
