"""Numbers are read easily: three digits and a unit, never an exponent."""

import pytest

from fanout_pipeline.measuring.formatting import (
    duration,
    factor,
    input_version,
    percent,
    size,
    three_digits,
    two_digits,
)


@pytest.mark.parametrize(
    ("function", "number", "text"),
    [
        (duration, 0, "0 s"),
        (duration, 6.12e-8, "61.2 ns"),
        (duration, 9.3e-7, "930 ns"),
        (duration, 1e-6, "1 µs"),
        (duration, 1.2345e-5, "12.3 µs"),
        (duration, 9.999e-4, "1 ms"),
        (duration, 0.5, "500 ms"),
        (duration, 1.04, "1.04 s"),
        (duration, 1000, "1,000 s"),
        (size, 0, "0 bytes"),
        (size, 12, "12 bytes"),
        (size, 2400, "2.4 kB"),
        (size, 2_710_000, "2.71 MB"),
        (three_digits, 0, "0"),
        (three_digits, 9.999, "10"),
        (three_digits, 0.000123, "0.000123"),
        (three_digits, 12, "12"),
        (three_digits, 4_250_000, "4,250,000"),
        (factor, 1.5, "1.50x"),
        (factor, 44.44, "44.4x"),
        (factor, 1234.5, "1,234x"),
        (percent, 0.004, "under 1 %"),
        (percent, 0.12, "12 %"),
        (percent, 0, "0 %"),
    ],
)
def test_a_number_is_short_and_has_a_unit(function, number, text):
    """Three digits and a unit, never an exponent."""
    assert function(number) == text


@pytest.mark.parametrize(
    ("identity", "text"),
    [
        ("0123456789abcdef" * 4, "SHA-256 0123456789ab…"),
        ("8192 1732788411", "input 8192 1732788411"),
    ],
)
def test_only_a_hash_is_shortened(identity, text):
    """The version of an input without a hash is shown as its source gave it."""
    assert input_version(identity) == text


def test_estimates_have_two_digits():
    """An estimated count is not shown more exactly than it is known."""
    assert [two_digits(n) for n in (7, 99.4, 123, 12_345)] == [7, 99, 120, 12_000]
