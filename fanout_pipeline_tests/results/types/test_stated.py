"""A stated type takes what it gives back equal, and nothing else."""

import datetime
import enum
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import numpy
import pyarrow
import pydantic
import pytest

from fanout_pipeline.results.types.column import to_column
from fanout_pipeline.results.types.stated import WrongType, kind_of_type, require_stated


class Colour(enum.Enum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: float | None


@dataclass
class Order:
    id: uuid.UUID
    amount: Decimal
    colour: Colour
    points: list[Point]


class Model(pydantic.BaseModel):
    at: datetime.datetime
    tags: tuple[str, ...] = ()


class Row(TypedDict):
    a: Annotated[int, "of something"]
    b: Literal["x", "y"]


POINT = {"x": "int64", "y": "double"}


@pytest.mark.parametrize(
    ("stated", "kind"),
    [
        (int, "int64"),
        (float | None, "double"),
        (list[bytes], ["binary"]),
        (Point, POINT),
        (
            Order,
            {
                "id": "uuid text",
                "amount": "decimal text",
                "colour": "large_string",
                "points": [POINT],
            },
        ),
        (Model, {"at": "timestamp[us]", "tags": ["large_string"]}),
        (Row, {"a": "int64", "b": "large_string"}),
        (pyarrow.schema([("a", pyarrow.int32())]), {"a": "int32"}),
        (pyarrow.list_(pyarrow.float64(), 3), ["double", 3]),
    ],
    ids=str,
)
def test_a_type_is_stated_in_arrow_s_words_or_in_python_s(stated, kind):
    """Classes with named fields are dicts of these, by the rule by which results are."""
    assert kind_of_type(stated) == kind


@pytest.mark.parametrize("stated", [dict, list, object, Any, "int", list[Any], int | str])
def test_a_type_that_does_not_say_what_is_stored_is_refused(stated):
    """It is named, with what to use instead; so is one of two types at once."""
    with pytest.raises(TypeError, match=r"use a type of pyarrow|return one type"):
        kind_of_type(stated)


BERLIN = datetime.datetime(2026, 11, 28, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))


@pytest.mark.parametrize(
    ("stated", "value"),
    [
        (float, 1),
        (float, float("nan")),
        (int, 1.0),
        (int, True),
        (int, numpy.int8(1)),
        (Decimal, 5),
        (pyarrow.decimal128(10, 2), Decimal("1.5")),
        (pyarrow.float32(), numpy.float32(0.1)),
        (pyarrow.int8(), 127),
        (pyarrow.timestamp("us", "+01:00"), BERLIN),
        (pyarrow.list_(pyarrow.float64(), 2), [1, 2]),
        (list[int], numpy.zeros(3, int)),
        (Point, {"x": 1}),
        (Point, Point(1, 2)),
        (Row, {"a": None, "b": "z"}),
        (int, None),
    ],
    ids=str,
)
def test_what_is_read_back_equal_is_of_the_type(stated, value):
    """An integer is a float as long as that is exact; None is of every type, and a missing field is None."""
    kind = kind_of_type(stated)
    require_stated(value, kind)
    column = to_column([value], stated=kind)
    assert column.kind == kind
    assert to_column([value, None], stated=kind).array.type == column.array.type


@pytest.mark.parametrize(
    ("stated", "value", "message"),
    [
        (float, 2**53 + 1, "result is 9007199254740993, of type int, and result_type says float"),
        (float, "1.5", "result is '1.5', of type str"),
        (int, 1.5, "result is 1.5, of type float, and result_type says int"),
        (int, 2**63, "result_type says int"),
        (bool, 1, "result_type says bool"),
        (str, 1, "result_type says str"),
        (pyarrow.float32(), 0.1, "result_type says float32"),
        (pyarrow.int8(), 128, "result_type says int8"),
        (pyarrow.decimal128(10, 2), Decimal("1.555"), r"says decimal128\(10, 2\)"),
        (pyarrow.timestamp("us", "UTC"), BERLIN, "tz=UTC"),
        (datetime.date, BERLIN, "of type datetime"),
        (pyarrow.list_(pyarrow.float64(), 2), [1], "result has 1 elements, not 2"),
        (list[Point], [{"x": "a"}], r"result\[\]\['x'\] is 'a', of type str"),
        (Point, {"x": 1, "z": 2}, "result has the field 'z', which result_type does not have"),
        (Point, 5, "result is 5, of type int, and result_type says dict"),
        (list[int], 5, "result_type says list"),
    ],
    ids=str,
)
def test_what_would_change_is_named(stated, value, message):
    """The message says which part of the result it is, its type, and the one that was stated."""
    with pytest.raises(WrongType, match=message):
        require_stated(value, kind_of_type(stated))
