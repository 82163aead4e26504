"""They return what is awkward to store: mixed types, keys that are sometimes absent, a lambda."""

from decimal import Decimal

from fanout_pipeline_tests.contract.functions import GUILTY


def mixed_types(number):
    return float(number) if number % 2 else number


def float_from_guilty_on(number):
    return float(number) if number >= GUILTY else number


def mostly_integers(number):
    return number if number % 3 else False


def float_on_guilty(number):
    return float(number) if number == GUILTY else number


def price(number):
    return Decimal(number) / 10 ** (number % 7) if number % 5 else None


def article(number):
    """Of one type, though hardly two parts of one item each would be of one by themselves."""
    found = {
        "title": None if number < GUILTY else f"title {number}",
        "tags": ["a", "b"][: number % 3],
        "price": price(number),
        "ids": [2**53 + number, None],
    }
    if number % 4 == 0:
        found = {"late": {}, **found}
    if number % 8 == 0:
        found["late"] = {"by": 2**64 * (number % 16)}
    return found


def unsendable(number):
    return lambda: number
