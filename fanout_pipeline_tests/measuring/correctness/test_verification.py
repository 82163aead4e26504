"""Results are compared where there is something to compare with, and called again only where asked for."""

from dataclasses import asdict, replace

import pytest

from fanout_pipeline import FanoutSpec, Options, TextLines
from fanout_pipeline.engine.model.options import FailurePolicy
from fanout_pipeline.engine.registry import REFERENCE, STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.measuring.correctness import sampling
from fanout_pipeline.measuring.correctness.sampling import Pick
from fanout_pipeline.measuring.correctness.verification import verify
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.store.manifest import Manifest
from fanout_pipeline.results.write import write_part
from fanout_pipeline.sources.source import BadInput
from fanout_pipeline_tests.measuring.correctness.functions import Marked

pytestmark = pytest.mark.slow
LINES = 300


@pytest.fixture
def marked(tmp_path):
    return Marked(tmp_path)


@pytest.fixture
def spec(tmp_path, marked):
    (tmp_path / "lines.txt").write_text("".join(f"{n}\n" for n in range(LINES)))
    return FanoutSpec("lines", TextLines(str(tmp_path / "lines.txt")), marked)


def run(spec, folder, failures=None, strategy="threads"):
    options = Options(workers=2, **asdict(failures or FailurePolicy()))
    made = run_strategy(STRATEGIES[strategy], spec, folder / strategy, replace(options, chunks=4))
    (folder / "calls").unlink(missing_ok=True)
    return made


def damaged(folder, made, changes):
    """The same results but for some; gives the record as if the run had made them."""
    target = ResultFolder(folder)
    before = target.manifest()
    values = [n / 7 for n in range(LINES)]
    for index, value in changes.items():
        values[index] = value
    with target.writing() as generation:
        parts = [write_part(generation, 0, 0, values)]
        manifest = Manifest(made.strategy, tuple(parts), before.source, before.function)
        target.commit(generation, manifest)
    return replace(made, digest=manifest.digest, chunks=1)


def test_nothing_is_called_without_being_asked(spec, marked, tmp_path):
    """A run by itself is counted, and proved in order by its indexes; the function is not called again."""
    made = run(spec, tmp_path)
    found = verify(spec, tmp_path / "threads", made)
    assert found.check.faultless
    assert (found.values, found.compared, found.check.in_order) == (0, False, True)
    assert not (tmp_path / "calls").exists()


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5])
def test_a_sample_is_called_and_no_more(spec, marked, tmp_path, share, leaves_nothing):
    """So many items as were asked for, spread over the input, are called once each, and compared."""
    made, said = run(spec, tmp_path), []
    found = verify(spec, tmp_path / "threads", made, share=share, log=said.append)
    expected = list(Pick(LINES, share, found.sample_seed))
    assert marked.calls == expected
    assert len(set(expected)) == len(expected) == max(1, round(share * LINES))
    assert found.values == len(expected)
    assert found.check.faultless
    assert f"chosen with seed {found.sample_seed}" in found.against
    assert f"{len(expected)} of {LINES} items" in said[0]


def test_a_pick_is_spread_and_repeatable():
    """One of each stretch of the input, the same for the same seed, others for another."""
    chosen = list(Pick(1000, 0.05, 7))
    assert chosen == list(Pick(1000, 0.05, 7)) != list(Pick(1000, 0.05, 8))
    assert [index // 20 for index in chosen] == list(range(50))
    assert list(Pick(3, 0.99, 0)) == [0, 1, 2]
    assert list(Pick(0, 0.5, 0)) == []


def test_a_wrong_result_in_the_sample_is_named(spec, tmp_path):
    """What the function does not give again is wrong; last digits are not."""
    made = run(spec, tmp_path)
    made = damaged(tmp_path / "threads", made, {40: -1.0, 41: 41 / 7 * (1 + 1e-13)})
    found = verify(spec, tmp_path / "threads", made, share=0.999)
    assert (found.check.wrong, found.check.inexact) == (1, 1)
    assert [finding.index for finding in found.check.foreign] == [40]
    assert found.check.first_divergent_index == 40
    assert found.check.expected_there == repr(40 / 7)
    assert found.check.contradiction is None


def test_items_in_quarantine_are_not_called_again(spec, marked, tmp_path):
    """They have no result that could be compared. One that fails this time only is not wrong."""
    (tmp_path / "fails").touch()
    policy = FailurePolicy(on_error="quarantine", failed_items="omit")
    made = run(spec, tmp_path, policy)
    assert made.failed == 6
    found = verify(spec, tmp_path / "threads", made, policy, share=0.999)
    assert found.values == len(marked.calls) == LINES - 6
    assert found.check.faultless


def test_calls_that_fail_this_time_are_reported(spec, marked, tmp_path):
    """A call that raises in the check says nothing about the result that is there."""
    made = run(spec, tmp_path)
    (tmp_path / "fails").touch()
    found = verify(spec, tmp_path / "threads", made, share=0.999)
    assert found.check.faultless
    assert found.values == LINES - 6
    assert "6 more failed this time" in found.against


def test_a_sample_of_which_no_call_succeeds_has_compared_nothing(spec, tmp_path):
    """That is not reported as results that were found right."""
    made = run(spec, tmp_path)
    (tmp_path / "down").touch()
    found = verify(spec, tmp_path / "threads", made, share=0.1)
    assert (found.asked, found.compared, found.values) == (True, False, 0)
    assert "30 more failed this time" in found.against


def test_an_input_that_has_changed_since_says_nothing_of_the_results(spec, tmp_path):
    """It is not counted against them: the check says that it could not be made."""
    made = run(spec, tmp_path)
    with open(spec.source.path, "a") as file:
        file.write("300\n")
    with pytest.raises(BadInput, match="has changed since the run read it"):
        verify(spec, tmp_path / "threads", made)


def test_a_call_that_never_returns_ends_the_sample(spec, tmp_path, monkeypatch, leaves_nothing):
    """The check goes on with what was compared until then."""
    monkeypatch.setattr(sampling, "BATCH_SECONDS", 5.0)
    made = run(spec, tmp_path)
    (tmp_path / "hangs").touch()
    found = verify(spec, tmp_path / "threads", made, share=0.999)
    assert found.check.faultless
    assert found.values == 120
    assert "crashed its process or timed out" in found.against


def test_all_items_are_called_in_a_serial_run(spec, marked, tmp_path):
    """With 1 all are compared, after a line that says what it will cost; so is the order of queue."""
    made, said = run(spec, tmp_path, strategy="queue"), []
    found = verify(spec, tmp_path / "queue", made, share=1.0, log=said.append)
    assert found.against == "a serial run made for this check"
    assert marked.calls == list(range(LINES))
    assert (found.check.missing, found.check.duplicated, found.check.wrong) == (0, 0, 0)
    assert "300 of 300 items, one after the other (about " in said[0]


def test_the_reference_is_preferred_to_calls(spec, tmp_path):
    """Where serial has made the same, nothing is called, whatever share was asked for."""
    run(spec, tmp_path, strategy=REFERENCE)
    made = run(spec, tmp_path)
    found = verify(spec, tmp_path / "threads", made, share=1.0)
    assert (found.against, found.values) == ("lines/serial", LINES)
    assert not (tmp_path / "calls").exists()
