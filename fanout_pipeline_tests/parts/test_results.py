"""Results that come in blocks are stored as a list of all of them would be."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanout_pipeline.parts.column import Results, to_column, to_python

values = st.one_of(
    st.lists(st.integers(-9, 9), max_size=9),
    st.lists(st.integers(), max_size=9),
    st.lists(st.integers(-9, 9) | st.none(), max_size=9),
    st.lists(st.floats(allow_nan=False), max_size=9),
    st.lists(st.text(), max_size=9),
    st.lists(st.booleans(), max_size=9),
    st.lists(st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(), max_size=9),
)


def stored(make):
    try:
        column, metadata = make()
    except TypeError as error:
        return str(error)
    return to_python(column, metadata), column.type


def in_blocks(blocks):
    results = Results(sum(map(len, blocks)))
    for block in blocks:
        results.extend(iter(block))
    return results


@settings(deadline=None, max_examples=300)
@given(blocks=st.lists(values, max_size=4))
def test_blocks_are_stored_as_one_list(blocks):
    """Wherever a wide integer, a None or a text comes, the column is that of the whole list."""
    whole = [value for block in blocks for value in block]
    if {bool, int} <= set(map(type, whole)):
        return  # told below
    results = in_blocks(blocks)
    assert len(results) == len(whole)
    assert stored(results.column) == stored(lambda: to_column(whole))


@pytest.mark.parametrize("last", [7, 2**70])
def test_a_bool_after_integers_is_the_integer_that_it_equals(last):
    """A comparison that returns True among counts is stored as 1, however wide the others are."""
    assert stored(in_blocks([[1, True], [last]]).column)[0] == [1, 1, last]


def test_what_came_before_an_error_is_kept():
    """The number of results tells at which item the function raised."""

    def failing():
        yield from (1, 2)
        raise KeyError("three")

    results = Results(10)
    results.extend([0])
    with pytest.raises(KeyError):
        results.extend(failing())
    assert len(results) == 3
    assert stored(results.column)[0] == [0, 1, 2]
