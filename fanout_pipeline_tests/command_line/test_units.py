"""Durations and sizes as people write and read them."""

import pytest

from fanout_pipeline.command_line.units import ago, duration, in_bytes


def test_durations_are_read():
    """Hours, days and weeks."""
    assert [duration(text) for text in ("0h", "12h", "30d", "2w")] == [
        0,
        43_200,
        2_592_000,
        1_209_600,
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0 s"), (119, "119 s"), (7200, "2 h"), (172_799, "48 h"), (4e6, "46 d")],
)
def test_ages_are_told(seconds, text):
    """In the largest unit of which there are two."""
    assert ago(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1234, "1.23 kB"),
        (999_499, "999 kB"),
        (2.5e15, "2,500 TB"),
    ],
)
def test_sizes_are_told(size, text):
    """With three digits, so that two can be compared at a glance."""
    assert in_bytes(size) == text
