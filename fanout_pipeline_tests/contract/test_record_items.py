"""With record_items=False nothing but results has the text of items, in any strategy."""

import dataclasses
import traceback
from itertools import product

import pytest
from pyarrow import parquet

from fanout_pipeline import Options, TextLines, fan_out, read_failures
from fanout_pipeline.engine.model.errors import ItemFailed
from fanout_pipeline.engine.model.options import FailurePolicy
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.sources.source import BadInput
from fanout_pipeline_tests.contract.cases import every_strategy
from fanout_pipeline_tests.contract.functions.telling import tells
from fanout_pipeline_tests.contract.runs import options_of, spec_of
from fanout_pipeline_tests.results.layout import runs_of

MARKER = "Größe-geheim-4711"
QUIET = FailurePolicy("quarantine", retries=1, backoff_seconds=0, record_items=False)
pytestmark = pytest.mark.usefixtures("leaves_nothing")


def lines_of(path, numbers, broken=False):
    """One item a line, after each a number; and one that is not UTF-8."""
    lines = [f"{MARKER} {number}".encode() for number in numbers]
    path.write_bytes(b"\n".join([*lines, *[f"{MARKER} \xff".encode("latin-1")] * broken, b""]))
    return TextLines(str(path))


def assert_silent(text):
    """No part of the marker is in a text, however it is written."""
    text = text.casefold()
    for piece in ("geheim-4711", "ße-geheim", "\\xdfe-geheim", "\\xc3\\x9fe"):
        assert piece.casefold() not in text


def told(folder):
    """All that is in the files of a folder, and of runs that write there, but the results, as text."""
    runs = runs_of(folder).rglob("*")
    files = [one for one in (*folder.rglob("*"), *runs) if one.is_file()]
    for one in files:
        if one.name.startswith("_") and one.suffix == ".parquet":
            yield str(parquet.read_table(one).to_pydict())
        elif "part-" not in one.name:
            yield one.read_bytes().decode("latin-1")
            yield one.read_bytes().decode(errors="replace")


@every_strategy
def test_what_is_recorded_has_nothing_of_the_items(name, tmp_path, capfd, caplog):
    """Neither failures nor logs nor any other file, whatever the errors say; place, type and other messages stay."""
    dies = STRATEGIES[name].starts_processes
    numbers = [n for n in range(10) if n != 6 or dies]
    spec = spec_of(name, lines_of(tmp_path / "lines.txt", numbers, broken=True), tells)
    log = []
    record = run_strategy(
        STRATEGIES[name],
        spec,
        tmp_path / "out",
        options_of(name, failures=QUIET),
        log=log.append,
        ledger=True,
        resume=True,
    )
    failures = read_failures(tmp_path / "out").to_dict("records")
    assert record.failed == len(failures) == 7 + dies
    types = ["ValueError", "RuntimeError", "RuntimeError", "ExceptionGroup", "RuntimeError"]
    types += ["ValueError", *["WorkerDied"] * dies, "BadInput"]
    assert [one["error_type"] for one in failures] == types
    assert {one["item"] for one in failures} == {""}
    assert failures[4]["message"] == "no luck today (tried 2 times)"
    assert 'raise RuntimeError("no luck today")' in failures[4]["traceback"]
    assert failures[1]["message"] == "(not recorded, as it has text of the item) (tried 2 times)"
    assert "raise KeyError(text)" in failures[1]["traceback"]
    assert failures[1]["where"] == f"line 2 of {tmp_path / 'lines.txt'}"
    printed = capfd.readouterr()
    for text in (*told(tmp_path / "out"), *log, printed.out, printed.err, caplog.text):
        assert_silent(text)


@pytest.mark.parametrize(
    ("name", "number"),
    [(name, 1) for name in ("vectorized", "asyncio", "multiprocess")]
    + [*product(["serial"], (0, 1, 2, 3, 5, "broken")), ("multiprocess", "broken")],
)
def test_the_error_of_a_run_has_nothing_of_the_items(name, number, tmp_path):
    """Where an item ends the run, its error says which, and not what is in it."""
    broken = number == "broken"
    source = lines_of(tmp_path / "lines.txt", [] if broken else [number], broken)
    policy = dataclasses.replace(QUIET, on_error="fail", retries=0)
    options, log = options_of(name, 1, failures=policy), []
    with pytest.raises(BadInput if broken else ItemFailed, match=r"line 1 of ") as raised:
        run_strategy(
            STRATEGIES[name],
            spec_of(name, source, tells),
            tmp_path / "out",
            options,
            log=log.append,
            ledger=True,
            resume=True,
        )
    shown = "".join(traceback.format_exception(raised.value))
    for text in (shown, str(raised.value), *told(tmp_path / "out"), *log):
        assert_silent(text)


def test_what_a_call_spools_goes_with_it(tmp_path):
    """Items that a call has got from memory are in no file that it leaves, however it ends."""
    items = (f"{MARKER} {number}" for number in (9, 8, 7, 0))
    options = Options(record_items=False, strategy="serial", chunks=4)
    with pytest.raises(ItemFailed):
        fan_out(tells, items, folder=tmp_path / "out", options=options)
    left = list(told(tmp_path / "out"))
    assert any("_ledger" in str(one) for one in tmp_path.rglob("*"))
    for text in left:
        assert_silent(text)
    fan_out(len, ["a"], folder=tmp_path / "out", options=options)  # removes that
