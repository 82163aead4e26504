"""Do calls keep to what a service allows, and use it? 2,000 calls of an HTTP server on this machine.

The server allows 50 requests a second, answers the rest 429 with Retry-After and 5 % of the others 503, each after
30 ms: 40 s for the calls, 42 s with those that are made again. It counts in three ways: windows of a second by the clock
(fixed), the second before each request (sliding), a token bucket of 50. Prints for each way and strategy how many
calls succeeded, the share of 429, and the wall time over the 40 s.

    python -m benchmarks.http_limits
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.limited_server import (
    KINDS,
    fetch,
    fetch_async,
    limited_server,
    retry_after,
    stats,
)
from fanout_pipeline import FanoutSpec, Options, TextLines, read_results
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy


def measured(strategy: str, kind: str, calls: int, per_second: int, workers: int) -> str:
    server = ("--kind", kind, "--per-second", str(per_second))
    with tempfile.TemporaryDirectory() as folder, limited_server(*server) as url:
        root = Path(folder)
        (root / "urls.txt").write_text("".join(f"{url}/{number}\n" for number in range(calls)))
        spec = FanoutSpec(
            "calls",
            TextLines("urls.txt").under(root),
            fetch_async if strategy == "asyncio" else fetch,
        )
        options = Options(
            workers=workers, retries=5, per_second=per_second, retry_after=retry_after
        )
        run = run_strategy(STRATEGIES[strategy], spec, root / strategy, options)
        results = read_results(root / strategy)["result"].tolist()
        answers = stats(url)
    refused = answers.get(429, 0) / sum(answers.values())
    right = sum(a == b for a, b in zip(results, range(calls), strict=True))
    return (
        f"| {kind} | {strategy} | {right:,} of {calls:,} | {refused:.2%} | {answers.get(503, 0)} "
        f"| {run.wall_seconds:.2f} | {run.wall_seconds * per_second / calls:.3f} | {run.chunks} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--per-second", type=int, default=50)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--kinds", nargs="*", default=KINDS, choices=KINDS)
    parser.add_argument("--strategies", nargs="*", default=("asyncio", "threads", "multiprocess"))
    asked = parser.parse_args()
    print("| server | strategy | right | answered 429 | 503 | seconds | of the ideal | chunks |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in asked.kinds:
        for strategy in asked.strategies:
            how = asked.calls, asked.per_second, asked.workers
            print(measured(strategy, kind, *how), flush=True)


if __name__ == "__main__":
    main()
