"""Functions for worker processes, in a module that costs them nothing to import."""

import sys


def hashed(line):
    return hash(line) % 1000


def elsewhere_otherwise(line):
    """Other last digits in workers than in the process of the tests."""
    numbers = [0.1 * int(line), 0.2, 0.3]
    return sum(numbers if sys.argv[0] == "-c" else numbers[::-1])
