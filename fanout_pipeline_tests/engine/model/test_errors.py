"""Failures, and items in messages, are short and visible, whatever is in them."""

import pytest

from fanout_pipeline.engine.model.errors import ItemFailed, failure_from, short_repr
from fanout_pipeline.results.files.printable import printable
from fanout_pipeline_tests.contract.functions.hostile import Unprintable
from fanout_pipeline_tests.contract.harmless import assert_harmless
from fanout_pipeline_tests.reporting.hostile import VALUES

TEXTS = [value for value in VALUES if value is not None]


@pytest.mark.parametrize("value", TEXTS, ids=range(len(TEXTS)))
def test_an_item_is_shown_as_text(value):
    """An item, and a message made of it, is one short line, whatever it is."""
    for text in (short_repr(value), printable(value), short_repr(Unprintable(value))):
        assert text.isprintable()
        assert len(text) < 2100
    failure = failure_from(ValueError(value), short_repr(value))
    assert failure.message.isprintable()
    assert_harmless(str(ItemFailed(failure)))


def test_what_cannot_be_shown_is_named():
    """An item without a repr, or an error without a message, is an item that failed all the same."""
    assert short_repr(Unprintable(None)) == "a Unprintable whose repr fails"
    assert short_repr(10**5000) == "an integer of 16,610 bits"
    failure = failure_from(Unprintable.Error(), "?")
    assert failure.message == "str() of the exception raised RuntimeError"
