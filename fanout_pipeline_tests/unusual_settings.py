"""Settings of a thread and a process that are no defaults."""

import decimal
import sys
import warnings
from contextlib import contextmanager

import numpy


@contextmanager
def unusual_settings():
    """Settings that are no defaults, for the test."""
    limit, digits = sys.getrecursionlimit(), sys.get_int_max_str_digits()
    sys.setrecursionlimit(2345)
    sys.set_int_max_str_digits(5432)
    context = decimal.Context(prec=5, rounding=decimal.ROUND_UP)
    with (
        decimal.localcontext(context),
        numpy.errstate(divide="raise", over="ignore"),
        warnings.catch_warnings(),
    ):
        warnings.resetwarnings()
        warnings.filterwarnings("error", "odd .*", UserWarning)
        warnings.filterwarnings("ignore", category=RuntimeWarning, module="fanout.*")
        yield
    sys.setrecursionlimit(limit)
    sys.set_int_max_str_digits(digits)
