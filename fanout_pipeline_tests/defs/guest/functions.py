"""Functions of a project that fans them out."""

import dagster as dg


class Api(dg.ConfigurableResource):
    key: str


def with_api(api):
    return api


def signed(number, api):
    return f"{number} {api.key}"


def doubled(number):
    """Twice a number."""
    return 2 * number


def points(number):
    return {"points": 2 * number, "big": number > 10}


def fails_on_seven(number):
    if number == 7:
        raise ValueError("seven")
    return number
