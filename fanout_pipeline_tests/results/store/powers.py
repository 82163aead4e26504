"""The function of the runs that `test_formats` goes on with."""


def power(number: int) -> int:
    """A number that fits into 64 bits for small numbers, and into none for others."""
    return number**20
