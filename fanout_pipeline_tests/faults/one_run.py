"""A program: one run of a strategy; prints the digest of what it committed, or the error it ends with.

python -m fanout_pipeline_tests.faults.one_run STRATEGY METHOD FILE FOLDER
"""

import sys
from pathlib import Path

from fanout_pipeline import FanoutSpec, IntegerLines, Options
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.squares import square, square_batch


def main(name, method, file, folder):
    spec = FanoutSpec("squares", IntegerLines(file), square, square_batch)
    try:
        record = run_strategy(
            STRATEGIES[name], spec, Path(folder), Options(workers=2, start_method=method)
        )
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")
    sys.stdout.write(record.digest + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
