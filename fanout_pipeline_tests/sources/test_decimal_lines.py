"""Plain decimal lines become exactly the integers that int() makes of them, or none at all."""

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fanout_pipeline.sources.decimal_lines import count_lines, parse_lines

INT64 = st.integers(-(2**63), 2**63 - 1)
lines = st.one_of(
    INT64.map(str),
    st.integers(-(10**25), 10**25).map(str),
    st.from_regex(r"-?[0-9]{1,22}", fullmatch=True),
    st.text("0123456789-+ _:/x\r\x00\xff", max_size=4),
)


def parsed(written):
    items = parse_lines("".join(f"{line}\n" for line in written).encode("latin-1"))
    return None if items is None else items.tolist()


@settings(deadline=None, max_examples=300)
@given(written=st.lists(lines, min_size=1, max_size=30))
@example(written=["9223372036854775807", "-9223372036854775808", "0", "-0", "007"])
@example(written=["9223372036854775808"])
@example(written=["-9223372036854775809"])
@example(written=["9" * 19])
@example(written=["1" * 8 + ":" + "1" * 8])
def test_what_is_parsed_is_what_int_reads(written):
    """No line is read as anything but its integer: where one is not plain, none is read."""
    items = parsed(written)
    if items is not None:
        assert items == [int(line) for line in written]
        assert all(set(line) <= set("0123456789-") for line in written)


@settings(deadline=None)
@given(numbers=st.lists(st.integers(-(10**18), 10**18), min_size=1, max_size=30))
def test_plain_lines_are_parsed(numbers):
    """Integers of up to 18 digits always go the quick way, negative ones among them, too."""
    assert parsed(numbers) == numbers


def test_more_lines_than_are_parsed_at_a_time():
    """Lines of all lengths are whole where one step's bytes or lines end and the next begin."""
    draw = random.Random(7)
    numbers = [draw.randrange(10 ** draw.randrange(1, 19)) for _ in range(50_000)]
    assert parsed(numbers) == numbers


@pytest.mark.parametrize("line", ["", "-", "--1", "1-", "x" * 300_000, "1" * 20])
def test_a_line_that_is_not_plain_is_left_to_others(line):
    """A line that is blank, too long or no number is not guessed at, among good ones either."""
    assert parsed([1, line, 2]) is None


def test_line_ends_are_counted():
    """Lines are counted by their ends, none for no bytes."""
    assert [count_lines(raw) for raw in (b"", b"1", b"1\n", b"\n\n2")] == [0, 0, 1, 2]
