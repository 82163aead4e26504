"""What stands in the data reaches messages, logs and terminals as text: short, visible, on its own line."""

import traceback

import dagster as dg
import pytest

from fanout_pipeline import FanoutSpec, IntegerLines, Options, TextLines
from fanout_pipeline.defs.assets.metadata import strategy_metadata
from fanout_pipeline.defs.config.data_folder import DataFolder
from fanout_pipeline.defs.config.resources import Fanout
from fanout_pipeline.defs.lab.factory import fanout_assets
from fanout_pipeline.engine.model.errors import ItemFailed
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.measuring.correctness.verification import verify
from fanout_pipeline.sources.source import BadInput
from fanout_pipeline_tests.contract.cases import every_strategy
from fanout_pipeline_tests.contract.functions import hostile
from fanout_pipeline_tests.contract.functions.hostile import HOSTILE
from fanout_pipeline_tests.contract.harmless import assert_harmless
from fanout_pipeline_tests.contract.runs import given_to
from fanout_pipeline_tests.reporting.hostile import VALUES
from fanout_pipeline_tests.sources.reading import read

TEXTS = [value for value in VALUES if value is not None]


@every_strategy
def test_no_failure_reaches_a_terminal_raw(name, tmp_path, capfd):
    """The item, the error's message and its traceback, from any worker, in what a terminal would show."""
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(["a", HOSTILE.partition("\n")[0], "b", ""]), encoding="utf-8")
    function = given_to(name, hostile.raises_hostile)
    spec = FanoutSpec("texts", TextLines(str(path)), function, hostile.raises_hostile)
    with pytest.raises(ItemFailed) as caught:
        run_strategy(STRATEGIES[name], spec, tmp_path / "texts" / name, Options(workers=2))
    assert "<script>" in str(caught.value)
    # Strategies of ours attach no other error that would be shown beside this one.
    assert_harmless("".join(traceback.format_exception(caught.value)))
    printed = capfd.readouterr()
    assert_harmless(printed.out + printed.err)


@pytest.mark.parametrize("value", TEXTS, ids=range(len(TEXTS)))
def test_a_bad_line_reaches_a_terminal_as_text(value, tmp_path):
    """A line that is no integer, or no UTF-8, is quoted visibly, and short."""
    path = tmp_path / "numbers.txt"
    path.write_bytes(b"1\n" + value.encode(errors="surrogatepass").replace(b"\n", b" ") + b"\n2\n")
    source = IntegerLines(str(path))
    with pytest.raises(BadInput) as caught:
        read(source)
    message = str(caught.value).replace(str(path), "")
    assert message.isprintable()
    assert len(message) < 500


def test_a_run_of_hostile_items_logs_and_records_text(tmp_path, capfd):
    """Under Dagster: what the terminal shows, and what the event log keeps for the UI."""
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(["a", HOSTILE.partition("\n")[0], "b", ""]), encoding="utf-8")
    spec = FanoutSpec("texts", TextLines("texts.txt"), hostile.raises_hostile)
    serial = next(a for a in fanout_assets(spec) if a.key.path[-1] == "serial")
    resources = {"data_folder": DataFolder(root=str(tmp_path)), "fanout": Fanout(workers=1)}
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [serial], resources=resources, instance=instance, raise_on_error=False
        )
        logs = instance.all_logs(result.run_id)
    (failed,) = result.get_step_failure_events()
    error = failed.step_failure_data.error
    while error is not None:
        assert_harmless(error.message.replace(str(tmp_path), ""))
        assert error.context is None
        error = error.cause
    for entry in logs:
        assert_harmless(entry.user_message)
    printed = capfd.readouterr()
    colours = ("\x1b[34m", "\x1b[31m", "\x1b[0m", "\x1b[32m", "\x1b[33m")
    shown_text = printed.out + printed.err
    for colour in colours:  # Dagster's own
        shown_text = shown_text.replace(colour, "")
    assert_harmless(shown_text, 200_000)


def test_hostile_results_are_recorded_as_text(tmp_path):
    """Metadata holds the first results: whole where they are short, never megabytes of one."""
    path = tmp_path / "texts.txt"
    path.write_text("a\nb\nc\n")
    spec = FanoutSpec("texts", TextLines(str(path)), hostile.hostile_result)
    folder = tmp_path / "texts" / "serial"
    run = run_strategy(STRATEGIES["serial"], spec, folder, Options(workers=1))
    metadata = strategy_metadata(run, verify(spec, folder, run), folder, [])
    first, second, third = metadata["first_10_results"].value
    assert first == HOSTILE
    assert (second[:3], len(second) < 1100) == ("xxx", True)
    assert third is None
