"""What a function may return, and what it is read back as: the same whether it is one column or several."""

import datetime
import enum
import uuid
from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

import numpy
import pydantic
import pytest

from fanout_pipeline.results.read import first_results
from fanout_pipeline_tests.results.cuts import write_cut


class Colour(enum.Enum):
    RED = "red"


class Size(enum.IntEnum):
    LARGE = 3


class Name(enum.StrEnum):
    ANN = "Ann"


class Point(NamedTuple):
    x: int
    y: float


@dataclass(frozen=True, slots=True)
class Order:
    number: int
    colour: Colour
    points: list[Point] = field(default_factory=list)


class Model(pydantic.BaseModel):
    name: str
    order: Order | None = None


ZONE = datetime.timezone(datetime.timedelta(hours=2))
UUID = uuid.UUID(int=7)
CASES = [
    (Point(1, 0.5), {"x": 1, "y": 0.5}),
    (
        Order(1, Colour.RED, [Point(1, 0.5)]),
        {"number": 1, "colour": "red", "points": [{"x": 1, "y": 0.5}]},
    ),
    (
        Model(name="a", order=Order(2, Colour.RED)),
        {"name": "a", "order": {"number": 2, "colour": "red", "points": []}},
    ),
    (Colour.RED, "red"),
    (Size.LARGE, 3),
    (Name.ANN, "Ann"),
    (UUID, UUID),
    ({"id": UUID, "all": [UUID]}, {"id": UUID, "all": [UUID]}),
    (OrderedDict(a=1), {"a": 1}),
    (defaultdict(int, a=1), {"a": 1}),
    ((1, 2), [1, 2]),
    (b"\0", b"\0"),
    (Decimal("1.10"), Decimal("1.10")),
    (datetime.datetime(2026, 11, 28, tzinfo=ZONE), datetime.datetime(2026, 11, 28, tzinfo=ZONE)),
    (datetime.timedelta(seconds=1), datetime.timedelta(seconds=1)),
    (numpy.int32(5), 5),
    (numpy.float32(0.5), 0.5),
    (numpy.datetime64("2026-11-28"), datetime.date(2026, 11, 28)),
    (numpy.array([1, 2], "int8"), [1, 2]),
    (numpy.array([[0.5], [1]]), [[0.5], [1.0]]),
    (numpy.array([2**64 - 1], "uint64"), [2**64 - 1]),
    (numpy.array(3), 3),
    (numpy.array([True, False]), [True, False]),
    (numpy.array(["a", "bc"]), ["a", "bc"]),
    (numpy.array([]), []),
    ({"a": numpy.array([1, 2]), "b": {"c": (Point(1, 2.0),)}},
     {"a": [1, 2], "b": {"c": [{"x": 1, "y": 2.0}]}}),
]  # fmt: skip


@pytest.mark.parametrize(("returned", "read"), CASES, ids=[repr(case[0]) for case in CASES])
@pytest.mark.parametrize("edges", [(), (1,), (1, 2)])
def test_what_is_returned_is_read_back_as_plain_values(tmp_path, returned, read, edges):
    """Also beside None, and whether it is alone in its part or not."""
    write_cut(tmp_path / "out", [returned, None, returned], edges)
    found = first_results(tmp_path / "out", 3)
    assert found == [read, None, read]
    assert type(found[0]) is type(read)
