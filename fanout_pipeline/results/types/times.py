"""Which times come back unchanged from Parquet, which holds an instant in UTC and the name of a zone."""

from __future__ import annotations

import datetime

_YEARS = range(2, 9999)
"""Years in which a time is in range in UTC, too, whatever its zone."""


def require_no_fold(value: datetime.datetime | datetime.time, zone: object) -> None:
    """Raises TypeError for a fold that does not affect which instant a time is."""
    if value.fold:
        why = "there is no time zone" if zone is None else f"{zone} does not repeat that hour"
        raise TypeError(f"{value} has fold=1, though {why}: return it with replace(fold=0)")


def require_kept(value: datetime.datetime, read_zone: datetime.tzinfo) -> None:
    """Raises TypeError unless a time in a zone comes back unchanged when it is read in `read_zone`."""
    if type(value.tzinfo) is datetime.timezone and not value.fold and value.year in _YEARS:
        return
    try:
        read = value.astimezone(datetime.UTC).astimezone(read_zone)
    except OverflowError:
        raise TypeError(
            f"{value} is not within the years 1 to 9999 in UTC, in which it would be stored: return it "
            "without a time zone"
        ) from None
    # Within one zone `==` compares only the clock, between two zones only the instant.
    if (
        read == value
        and read.fold == value.fold
        and (read.tzinfo is value.tzinfo or is_same_time(read, value))
    ):
        return
    if read.replace(tzinfo=None) != value.replace(tzinfo=None):
        raise TypeError(
            f"{value.replace(tzinfo=None)} does not exist in {value.tzinfo}, where clocks skip it, and would be "
            f"read back as {read}: return it in UTC, or without a time zone"
        )
    require_no_fold(value, value.tzinfo)
    raise TypeError(f"{value!r} would be read back as {read!r}: return it in UTC")


def is_same_time(one: datetime.datetime, other: datetime.datetime) -> bool:
    """Whether two times agree in everything that is displayed, also in what `==` ignores."""
    return (
        one.replace(tzinfo=None) == other.replace(tzinfo=None)
        and one.fold == other.fold
        and (one.tzinfo is None) == (other.tzinfo is None)
        and one.utcoffset() == other.utcoffset()
    )
