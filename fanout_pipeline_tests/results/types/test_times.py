"""A time comes back as it was, to its fold and its offset, or is refused."""

import datetime
import tempfile
import zoneinfo
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import dateutil.tz
import numpy
import pandas
import pytest
import pytz
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fanout_pipeline import read_results, write_results
from fanout_pipeline.results.types.arrow_types import to_python
from fanout_pipeline.results.types.column import to_column
from fanout_pipeline.results.types.times import is_same_time
from fanout_pipeline_tests.chance import examples

BERLIN = ZoneInfo("Europe/Berlin")


def clock(text, **replaced):
    return datetime.datetime.fromisoformat(text).replace(**replaced)


GAP = clock("2024-03-31 02:30", tzinfo=BERLIN)
REPEATED = clock("2024-10-27 02:30", tzinfo=BERLIN)
HOUR = datetime.timedelta(hours=1)

ZONES = [
    "Europe/Berlin",
    "Europe/Dublin",  # negative DST
    "Australia/Lord_Howe",  # half an hour of it
    "Africa/Casablanca",  # suspended for a month
    "Africa/Monrovia",  # of seconds, until 1972
    "America/New_York",
    "Pacific/Apia",  # a day left out
    "Asia/Kathmandu",
    "Etc/GMT+5",
    "UTC",
]
fixed = st.builds(
    datetime.timezone,
    st.one_of(
        st.integers(-23, 23).map(lambda hours: hours * HOUR),
        st.timedeltas(datetime.timedelta(hours=-23), datetime.timedelta(hours=23)),
        st.integers(-86399, 86399).map(lambda seconds: datetime.timedelta(seconds=seconds)),
    ),
)
zones = st.sampled_from(ZONES).map(ZoneInfo) | st.just(datetime.UTC) | fixed
other_zones = st.sampled_from(ZONES).flatmap(
    lambda key: st.sampled_from(
        [dateutil.tz.gettz(key), pytz.timezone(key), ZoneInfo.no_cache(key)]
    )
)
edges = st.sampled_from(
    [
        clock("0001-01-01"),
        clock("9999-12-31 23:59"),
        clock("0001-01-02"),
        clock("1893-03-31 23:54"),
        clock("1972-01-07"),
        clock("2011-12-30 12:00"),
        clock("2024-03-31 02:30"),
        clock("2024-10-27 02:30"),
        clock("2024-04-07 01:45"),
        clock("2024-11-03 01:30"),
        clock("2300-10-26 02:30"),
    ]
)
clocks = st.datetimes() | edges
folds = st.integers(0, 1)
instants = st.builds(
    lambda time: time.replace(tzinfo=datetime.UTC, fold=0),
    st.datetimes(clock("0002-01-01"), clock("9998-12-31"))
    | edges.filter(lambda e: 1 < e.year < 9999),
)


def back(value):
    column, kind = to_column([value])
    (read,) = to_python(column, kind)
    return read


@settings(deadline=None, max_examples=examples(400))
@given(clocks, st.none() | zones | other_zones, folds)
@example(GAP.replace(tzinfo=None), BERLIN, 0)
@example(clock("0001-01-01"), datetime.timezone(HOUR), 0)
@example(clock("9999-12-31 23:59"), ZoneInfo("America/New_York"), 0)
@example(clock("2024-01-01"), datetime.timezone(datetime.timedelta(seconds=1)), 0)
@example(clock("2024-01-01"), datetime.timezone(datetime.timedelta(microseconds=1)), 0)
def test_any_time_comes_back_as_it_was_or_is_refused(shown, zone, fold):
    """Clock, fold and UTC offset of what is read are those of what was returned; the zone by its name."""
    value = shown.replace(tzinfo=zone, fold=fold)
    try:
        read = back(value)
    except TypeError:
        return
    assert read == value
    assert is_same_time(read, value)
    if isinstance(zone, ZoneInfo):
        assert read.tzinfo.key == zone.key


def test_the_probe_of_a_zone_speaks_for_no_other_time():
    """Times that do exist, stored before, do not let one in that does not."""
    for value in (REPEATED, REPEATED.replace(fold=1)):
        assert is_same_time(back(value), value)
    with pytest.raises(TypeError, match="does not exist in Europe/Berlin"):
        back(GAP)


@settings(deadline=None, max_examples=examples(200))
@given(instants, zones)
def test_every_instant_is_stored_in_any_zone(instant, zone):
    """What the clocks of a zone show at some moment is not refused, twice in an hour that is repeated."""
    value = instant.astimezone(zone)
    if value.utcoffset() % datetime.timedelta(minutes=1) and not isinstance(zone, ZoneInfo):
        with pytest.raises(TypeError, match="whole minutes"):
            back(value)
        return
    assert is_same_time(back(value), value)


@settings(deadline=None, max_examples=examples(40))
@given(st.sampled_from(ZONES).map(ZoneInfo), st.lists(instants, min_size=1))
def test_times_are_read_as_a_frame_as_they_were(zone, found):
    """A DataFrame has the clocks, the folds and the offsets that were returned."""
    values = [instant.astimezone(zone) for instant in found]
    with tempfile.TemporaryDirectory() as root:
        write_results(Path(root, "r"), values)
        read = read_results(Path(root, "r"))["result"].tolist()
    assert all(map(is_same_time, [value.to_pydatetime() for value in read], values))


@settings(deadline=None)
@given(st.times(), st.none() | zones, folds)
def test_any_time_of_day_comes_back_as_it_was_or_is_refused(shown, zone, fold):
    """One with a time zone is refused: Parquet's have none."""
    value = shown.replace(tzinfo=zone, fold=fold)
    if zone is None and not fold:
        assert back(value) == value
    else:
        with pytest.raises(TypeError, match="return it with"):
            back(value)


@settings(deadline=None)
@given(st.timedeltas() | st.dates())
def test_any_duration_and_any_date_comes_back_or_is_refused(value):
    """A duration of more microseconds than 64 bits count is refused."""
    fits = not isinstance(value, datetime.timedelta) or abs(value.days) < 106_751_991
    try:
        assert back(value) == value
    except TypeError:
        assert not fits


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (GAP, "2024-03-31 02:30:00 does not exist in Europe/Berlin, .*: return it in UTC"),
        (GAP.replace(fold=1), "does not exist in Europe/Berlin"),
        (clock("2011-12-30 12:00", tzinfo=ZoneInfo("Pacific/Apia")), "does not exist in"),
        (clock("2024-01-01", fold=1), "fold=1, though there is no time zone"),
        (clock("2024-01-01", tzinfo=BERLIN, fold=1), "Europe/Berlin does not repeat"),
        (clock("2024-01-01", tzinfo=datetime.UTC, fold=1), "UTC does not repeat"),
        (clock("0001-01-01", tzinfo=BERLIN), "not within the years 1 to 9999 in UTC"),
        (datetime.time(2, 30, tzinfo=BERLIN), "a time of day in Europe/Berlin"),
        (datetime.time(2, 30, tzinfo=datetime.UTC), "a time of day in UTC"),
        (
            clock("2024-03-31 02:30", tzinfo=dateutil.tz.gettz("Europe/Berlin")),
            "in UTC",
        ),
        (clock("2024-01-01", tzinfo=dateutil.tz.tzoffset("X", 3600)), "cannot be stored"),
        (clock("2024-01-01", tzinfo=pytz.timezone("Europe/Berlin")), "return it in UTC"),
        (numpy.int64(5).view("m8"), "generic time units"),
        (numpy.timedelta64("NaT", "us"), "NaT"),
        (numpy.datetime64("NaT", "us"), "NaT"),
        (numpy.datetime64("2024", "Y"), "Unsupported datetime64 time unit"),
        (numpy.datetime64(2**62, "us"), "out of range"),
        (pandas.Timestamp("2024-01-01 00:00:00.000000001"), "would be read back as datetime"),
        (pandas.Timedelta("1ns"), "would be read back as timedelta"),
        (pandas.NaT, "NaT"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("nested", [False, True])
def test_a_time_that_would_change_is_refused(value, message, nested):
    """Its item is named, and what to return instead, wherever in the result it stands."""
    results = [{"at": [value]}] if nested else [value]
    with pytest.raises(TypeError, match=rf"item 7: .*{message}"):
        to_column(results, [7])


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (numpy.timedelta64(5, "ns"), pandas.Timedelta("5ns")),
        (numpy.timedelta64(5, "us"), datetime.timedelta(microseconds=5)),
        (numpy.timedelta64(5, "D"), datetime.timedelta(days=5)),
        (numpy.datetime64("2024-01-31"), datetime.date(2024, 1, 31)),
        (numpy.datetime64("2024-01-31T05", "h"), clock("2024-01-31 05:00")),
        (numpy.datetime64("2024-01-31T05", "us"), clock("2024-01-31 05:00")),
        (numpy.datetime64(5, "ns"), pandas.Timestamp(5)),
        (numpy.array(["2024-01-31"], "M8[D]"), [datetime.date(2024, 1, 31)]),
        (
            pandas.Timestamp("2024-01-01", tz="Europe/Berlin"),
            clock("2024-01-01", tzinfo=BERLIN),
        ),
        (pandas.Timedelta("1us"), datetime.timedelta(microseconds=1)),
        (type("Money", (Decimal,), {})("1.00"), Decimal("1.00")),
    ],
    ids=repr,
)
def test_times_of_numpy_and_pandas_are_the_python_ones_that_they_equal(value, read):
    """An integer is none of them: a duration of NumPy's was one, of no unit."""
    for results in ([value], [value, None]):
        assert to_python(*to_column(results))[0] == read
    assert type(back(value)) is type(read)


def test_the_zones_are_there():
    """What is tried here is what the system or the package tzdata knows."""
    assert set(ZONES) <= zoneinfo.available_timezones()
