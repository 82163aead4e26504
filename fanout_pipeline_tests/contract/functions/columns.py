"""They take rows, and return dicts and the like, for results that have columns of their own."""

import datetime
from dataclasses import dataclass


@dataclass
class Score:
    score: float
    even: bool
    day: datetime.date | None = None


def scored(row):
    """A field that not every result has; a result that is None."""
    assert "order" not in row
    amount = row["amount"]
    if amount % 10 == 9:
        return None
    found = {"score": amount / 2, "even": amount % 2 == 0}
    return found | {"late": "yes"} if amount > 50 else found


def as_dataclass(row):
    return Score(row["amount"] / 2, row["amount"] % 2 == 0, datetime.date(2026, 11, 28))


def odd_type_on_sevens(row):
    """A text in the place of a float for some items."""
    amount = row["amount"]
    return {"score": "seven" if amount % 7 == 0 else amount / 2, "even": amount % 2 == 0}


def fails_on_sevens(row):
    if row["amount"] % 7 == 0:
        raise ValueError("seven")
    return row["amount"]
