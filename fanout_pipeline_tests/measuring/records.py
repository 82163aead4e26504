"""Made-up measurements for the arithmetic of comparisons."""

from fanout_pipeline.measuring.comparison import Measured, compare


def measured(strategy, wall_seconds, **changes):
    fields = {
        "start_seconds": 0.0,
        "items": 1000,
        "workers": 2,
        "in_order": True,
        "missing": 0,
        "duplicated": 0,
        "wrong": 0,
        "digest": "00",
        "input_sha256": "a" * 64,
        "function_fingerprint": "f" * 16,
        "first_10_results": [0, 1, 4],
        "overlapped_with": [],
    }
    return Measured(strategy, wall_seconds, **(fields | changes))


def compared(*others, serial=1.0, **changes):
    return compare("squares", "serial", [measured("serial", serial, workers=1, **changes), *others])
