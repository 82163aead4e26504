"""Runs the few tests that have failed among thousands once more, alone, and says so whatever comes of it.

    python -m pytest -n 3 || python -m fanout_pipeline_tests.again $?

Thousands of tests on a busy machine start and kill real processes. One that fails in their company and passes three
times alone has met the machine, not a fault that this change has brought; it is named, so that somebody makes it steady.
"""

import json
import subprocess
import sys
from pathlib import Path

FEW = 3
TIMES = 3
LAST_FAILED = Path(".pytest_cache/v/cache/lastfailed")


def main(status: int) -> int:
    """The exit status of all tests, whose first run has ended with `status`."""
    failed = list(json.loads(LAST_FAILED.read_text())) if LAST_FAILED.exists() else []
    if status != 1 or not 0 < len(failed) <= FEW:
        return status
    print(f"\nOnce more, {TIMES} times alone: {', '.join(failed)}", flush=True)
    for _ in range(TIMES):
        if again := subprocess.call([sys.executable, "-m", "pytest", *failed]):
            return again
    print(f"\nUNSTEADY, and to be made steady: {', '.join(failed)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
