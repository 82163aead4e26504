"""What `fan_out` must not cost, each beside what a user would do without it, in one run.

    python -m benchmarks.call_cost [--rounds 20]

| of | beside |
| `import fanout_pipeline` | a bare interpreter |
| `fan_out(square, range(100))` once more in a process | the loop |
| `x * x` of 100,000 items of a list | `list(map(square, items))` |
| a score of some 6 µs of 200,000 rows of a DataFrame | the loop over `to_dict("records")` |

Medians of interleaved rounds with the least and the most. A first call, which imports more than the package, is
timed in fresh processes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.workloads.catalogue import frame
from benchmarks.workloads.functions import score
from fanout_pipeline.squares import square

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("pandas", "numpy", "pyarrow", "dagster")
IMPORTS = {
    "bare": "pass",
    "import": "import fanout_pipeline",
    "import of fan_out": "from fanout_pipeline import fan_out",
}
STATEMENT = """
import json, sys, time
before, began = set(sys.modules), time.perf_counter()
{statement}
seconds = time.perf_counter() - began
print(json.dumps([seconds, sorted(set(sys.modules) - before)]))
"""
FIRST_CALL = """
from fanout_pipeline.squares import square
import json, sys, time
items = list(range({count}))
began = time.perf_counter()
from fanout_pipeline import fan_out
fan_out(square, items)
print(json.dumps([time.perf_counter() - began, sorted(sys.modules)]))
"""


def in_a_process(program: str) -> tuple[float, float, list[str]]:
    """Seconds of the process, and what it says: seconds of the statement, modules that it imported."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    )
    seconds = time.perf_counter() - began
    return seconds, *json.loads(done.stdout.splitlines()[-1])


def heavy(modules: Sequence[str]) -> list[str]:
    """Which of the libraries that take long to import are among them."""
    return [name for name in HEAVY if name in modules]


def told(name: str, seconds: Sequence[float], unit: float = 1e3) -> str:
    middle, low, high = (f"{f(seconds) * unit:.2f}" for f in (statistics.median, min, max))
    return f"| {name} | {middle} | {low}–{high} |"


def imports(rounds: int) -> None:
    """A process that imports, beside one that does not."""
    walls: dict[str, list[float]] = {name: [] for name in IMPORTS}
    inside: dict[str, list[float]] = {name: [] for name in IMPORTS}
    modules: dict[str, list[str]] = {}
    for number in range(rounds):
        names = list(IMPORTS) if number % 2 else list(IMPORTS)[::-1]
        for name in names:
            wall, seconds, modules[name] = in_a_process(STATEMENT.format(statement=IMPORTS[name]))
            walls[name].append(wall)
            inside[name].append(seconds)
    for name, statement in IMPORTS.items():
        if name == "bare":
            continue
        print(told(f"`{statement}`, the statement", inside[name]))
        over = [a - b for a, b in zip(walls[name], walls["bare"], strict=True)]
        print(told(f"`{statement}`, its process over a bare one's", over))
    for name, statement in IMPORTS.items():
        own = [one for one in modules[name] if one.startswith("fanout_pipeline")]
        others = [one for one in modules[name] if one.partition(".")[0] != "fanout_pipeline"]
        if name != "bare":
            print(f"\n`{statement}` imports {len(own)} modules of ours: {', '.join(own)}")
            print(f"and {len(others)} others: {', '.join(others)}")
            print(f"of {', '.join(HEAVY)}: {', '.join(heavy(others)) or 'none'}")


def beside(ours: Callable[[], Any], loop: Callable[[], Any], what: str, rounds: int) -> None:
    """Both in turn in this process, after once to get warm; the results are the same."""
    assert list(ours()) == list(loop()), what
    taken: dict[str, list[float]] = {"fan_out": [], "loop": []}
    for number in range(rounds):
        both = [("fan_out", ours), ("loop", loop)]
        for name, call in both if number % 2 else both[::-1]:
            began = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - began)
    for name, seconds in taken.items():
        print(told(f"{what}, {name}", seconds))
    ratios = [a / b for a, b in zip(taken["fan_out"], taken["loop"], strict=True)]
    print(told(f"{what}, fan_out / loop", ratios, 1))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=200_000)
    given = parser.parse_args(arguments)
    from fanout_pipeline import fan_out

    few, items, rows = range(100), list(range(given.items)), frame(given.rows)
    print("| what | ms, or times | least–most |\n|---|---|---|")
    beside(
        lambda: fan_out(square, few), lambda: [square(n) for n in few], "100 squares", given.rounds
    )
    beside(
        lambda: fan_out(square, items),
        lambda: list(map(square, items)),
        f"{given.items:,} squares",
        given.rounds,
    )
    beside(
        lambda: fan_out(score, rows),
        lambda: [score(row) for row in rows.to_dict("records")],
        f"score of {given.rows:,} rows",
        max(3, given.rounds // 4),
    )
    for count in (100, given.items):
        program = FIRST_CALL.format(count=count)
        found = [in_a_process(program) for _ in range(max(1, given.rounds // 2))]
        modules = ", ".join(heavy(found[0][2])) or "nothing heavy"
        name = f"{count:,} squares, first call in a process, which imports {modules}"
        print(told(name, [seconds for _, seconds, _ in found]))
    imports(given.rounds)


if __name__ == "__main__":
    main()
