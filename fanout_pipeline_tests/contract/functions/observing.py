"""They return what they find around them."""

import sys
import warnings
from decimal import Decimal


def unwanted_modules(number):
    """Which of the modules that a worker should not have imported it has."""
    found = {"dagster", "pandas"} & {name.partition(".")[0] for name in sys.modules}
    if hasattr(sys.modules["__main__"], "PARENT_MARKER"):
        found.add("__main__")
    return " ".join(sorted(found))


def what_it_sees(number):
    """Settings of the thread and the process that call it, by what they do."""
    import numpy

    def raised_by(call, *arguments):
        try:
            call(*arguments)
        except (Warning, FloatingPointError) as error:
            return type(error).__name__

    return " ".join(
        f"{name}={value}"
        for name, value in {
            "third": Decimal(1) / 3,
            "numpy": raised_by(numpy.divide, 1.0, 0.0),
            "odd": raised_by(warnings.warn, "odd number", UserWarning),
            "even": raised_by(warnings.warn, "even number", RuntimeWarning),
            "recursion": sys.getrecursionlimit(),
            "digits": sys.get_int_max_str_digits(),
        }.items()
    )
