"""They succeed on every item, at once or after a while."""

import os
import time


def same(number):
    return number


def long_text(number):
    """A hundred of them are more than a pipe holds."""
    return str(number) * 10_000


def noise(number):
    """Some 2,000 bytes that a codec cannot shorten by much."""
    return os.urandom(1000).hex()


def sleeps_1_ms(number):
    time.sleep(0.001)
    return number


def sleeps_5_ms(number):
    time.sleep(0.005)
    return number


def counts_its_calls(number):
    _calls.append(number)
    return len(_calls)


_calls = []


def sleeps_on_first(number):
    if number == 0:
        time.sleep(0.5)
    return number
