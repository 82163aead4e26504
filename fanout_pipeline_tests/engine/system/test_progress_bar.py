"""A call shows a bar on a terminal, and nothing elsewhere."""

import io
import threading
import time
from types import SimpleNamespace

import pytest

from fanout_pipeline import fan_out
from fanout_pipeline.engine.system import progress_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """What is shown on a terminal, where a bar is due at once."""
    terminal = Terminal()
    monkeypatch.setattr(progress_bar, "sys", SimpleNamespace(stderr=terminal))
    monkeypatch.setattr(progress_bar, "_AFTER_SECONDS", 0.0)
    return terminal


def slow(item):
    time.sleep(0.02)
    return item


def test_a_bar(terminal):
    """It ends at all items, and no thread of it is left."""
    before = threading.enumerate()
    fan_out(slow, range(30), strategy="threads")
    last = terminal.getvalue().split("\r")[-1]
    assert last.startswith("threads: 100%|")
    assert " 30 items, " in last
    assert threading.enumerate() == before


def test_of_an_unknown_number(terminal):
    """Before a generator has come to its end there is a count, and no share."""
    fan_out(slow, (number for number in range(100)), strategy="serial")
    first = terminal.getvalue().split("\r")[1]
    assert first.startswith("serial: ")
    assert "items/s" in first


@pytest.mark.parametrize("progress", [None, True, False])
def test_where_there_is_no_terminal(terminal, monkeypatch, progress):
    """It is shown where that is asked for, and only there."""
    monkeypatch.setattr(Terminal, "isatty", lambda self: False)
    fan_out(slow, range(30), strategy="serial", progress=progress)
    assert bool(terminal.getvalue()) == bool(progress)


def test_a_short_run(monkeypatch):
    """What is over within half a second shows none."""
    terminal = Terminal()
    monkeypatch.setattr(progress_bar, "sys", SimpleNamespace(stderr=terminal))
    fan_out(abs, range(30), strategy="serial")
    assert terminal.getvalue() == ""


def test_lines_of_the_log_stand_above(terminal):
    """A line that comes meanwhile begins where the bar was, and the bar goes on below."""
    told = []
    bar = progress_bar.ProgressBar("call", lambda line: told.append(terminal.getvalue() + line))
    bar.begin(10)
    time.sleep(0.01)
    bar.done(5, 5)
    bar.log("a worker died")
    bar.close()
    assert told[0].endswith("\rcall: a worker died")
    assert terminal.getvalue().count("50%") >= 2


def test_a_terminal_that_is_gone(terminal, monkeypatch):
    """A bar that cannot be drawn ends no run."""

    def gone(text):
        raise BrokenPipeError

    monkeypatch.setattr(terminal, "write", gone)
    assert list(fan_out(slow, range(10), strategy="serial")) == list(range(10))
