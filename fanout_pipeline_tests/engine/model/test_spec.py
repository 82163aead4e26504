"""What a spec and the options of its runs accept, and that a spec shows nobody its secrets."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from fanout_pipeline import FanoutSpec, Options, TextLines

_SPEC = FanoutSpec("lines", TextLines("lines.txt"), len)


def test_setup_must_be_callable() -> None:
    """A value in place of the function that makes it is refused, with what to write instead."""
    with pytest.raises(TypeError, match="not dict: write setup=lambda: value"):
        replace(_SPEC, setup={})


def test_setup_that_yields() -> None:
    """A generator is refused that somebody has forgotten to make a context manager of."""

    def session() -> Iterator[str]:
        yield "session"

    with pytest.raises(TypeError, match=r"session yields: decorate it with contextlib\.context"):
        replace(_SPEC, setup=session)
    replace(_SPEC, setup=contextmanager(session))


def test_resources_need_a_setup() -> None:
    """Resources that nobody would be given are refused by their names."""
    with pytest.raises(ValueError, match="there is none: api"):
        replace(_SPEC, resources={"api": "s3cret"})


def test_resources_are_not_shown() -> None:
    """The repr of a spec names no resource: it may be logged."""
    assert "s3cret" not in repr(replace(_SPEC, setup=dict, resources={"api": "s3cret"}))


def test_a_value_lasts_for_one_call_at_least() -> None:
    """To make a value anew before every call is the most that can be asked for."""
    assert Options(recycle_after=1).recycle_after == 1
    with pytest.raises(ValueError, match="recycle_after must be at least 1, not 0"):
        Options(recycle_after=0)
