"""What a spec and the options of its runs accept, and that a spec shows nobody its secrets."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from fanout_pipeline import FanoutSpec, Options, TextLines

_SPEC = FanoutSpec("lines", TextLines("lines.txt"), len)


WRONG = {
    "name, a path": ({"name": "raw/orders"}, "name consists of .* write 'raw_orders'"),
    "name, none": ({"name": ""}, "name consists of letters"),
    "name, of other letters": ({"name": "größe"}, "name consists of letters"),
    "name": ({"name": 1}, "name is text"),
    "source, a path": ({"source": "orders.csv"}, r"source .* not a path: .* TextLines\('orders"),
    "source, a class": ({"source": TextLines}, r"not the class: write TextLines\("),
    "source": ({"source": [1, 2]}, "source is of type list: give a source"),
    "function": ({"function": "score"}, "function is what is called with each item, and 'score'"),
    "batch function": ({"batch_function": 1}, "batch_function is what is called with each batch"),
    "upstream": ({"upstream": "orders"}, r"write upstream=\('orders',\)"),
    "upstream, a number": ({"upstream": (1,)}, "upstream has 1, which is no name"),
    "depends_on": ({"depends_on": "a.txt"}, r"write depends_on=\('a.txt',\)"),
    "keep": ({"keep": "id"}, r"write keep=\('id',\)"),
    "keep, a dict": ({"keep": {"id": 1}}, "keep is a tuple of names, not"),
    "tolerance": ({"tolerance": "1"}, "tolerance is a number"),
    "tolerance, endless": ({"tolerance": float("nan")}, "tolerance must be at least 0 and finite"),
    "unpack": ({"unpack": "yes"}, "unpack is True or False"),
    "thread_safe": ({"thread_safe": 1}, "thread_safe is True or False"),
    "code_version": ({"code_version": 1}, "code_version is text"),
    "key": ({"key": ("a", "b")}, "key is the name of a column, .* or a function of the item"),
    "key, empty": ({"key": ""}, "key is the name of a column"),
    "key, of no columns": ({"key": "id"}, 'TextLines has no columns, so .* write key="item"'),
    "key, called key": ({"key": "key"}, "one of the results' own: rename it"),
    "duplicates": ({"duplicates": "first", "key": "item"}, 'duplicates is "error" or "once"'),
    "duplicates, of no key": ({"duplicates": "once"}, "there is none: give key="),
    "resources": ({"resources": [1], "setup": dict}, "resources maps names to objects"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_said_when_a_spec_is_made(wrong: str) -> None:
    """By the field, with what to write: long before a run."""
    fields, message = WRONG[wrong]
    with pytest.raises((TypeError, ValueError), match=message):
        replace(_SPEC, **fields)


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
