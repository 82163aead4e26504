"""`python -m benchmarks.peers`: measure, and write results.json, results.md and results.png."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.peers.contenders import CONTENDERS, REFERENCE, Contender
from benchmarks.peers.picture import picture
from benchmarks.peers.rounds import Measured, Plan, measure
from benchmarks.peers.summary import record_of
from benchmarks.peers.table import page
from benchmarks.peers.trial_process import ROOT

_LIBRARIES = ("joblib", "mpire", "dask", "distributed", "ray")


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 1 where a contender failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small inputs, about 3 minutes")
    parser.add_argument("--minutes", type=float, help="in all; 40 if not given")
    parser.add_argument("--rounds", type=int, help="at most, of each workload")
    parser.add_argument("--seed", type=int, default=0, help="of the order within rounds")
    parser.add_argument("--workload", action="append", default=[], help="this one; may be repeated")
    parser.add_argument("--contender", action="append", default=[], help="likewise")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    given = parser.parse_args(arguments)
    plan = Plan(
        seconds=60 * (given.minutes or (3 if given.quick else 40)),
        rounds=given.rounds or (2 if given.quick else 30),
        quick=given.quick,
        seed=given.seed,
        workloads=tuple(given.workload),
        contenders=_chosen(parser, given.contender),
    )
    # A kill cleans up as Ctrl-C does, which shells have ignored in the background.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    measured: list[Measured] = []
    try:
        for one in measure(plan, lambda line: print(line, flush=True)):
            measured.append(one)
            _write(measured, given.results)
    except ValueError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        told = (
            f"what {len(measured)} workloads gave is in {given.results}"
            if measured
            else "nothing was written"
        )
        print(f"Interrupted; {told}.", file=sys.stderr)
        return 128 + signal.SIGINT
    print(f"\n{(given.results / 'results.md').read_text('utf-8')}\nWritten to {given.results}.")
    return int(any(one.comparison.run.failures for one in measured))


def _write(measured: Sequence[Measured], folder: Path) -> None:
    """What has been found so far; a picture takes a second, a workload minutes."""
    versions = {name: found for name in _LIBRARIES if (found := _version(name))}
    record = json.dumps(record_of(measured, versions), indent=1, ensure_ascii=False)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(record + "\n", encoding="utf-8")
    (folder / "results.md").write_text(page(measured, versions), encoding="utf-8")
    (folder / "results.png").write_bytes(picture(measured))


def _chosen(parser: argparse.ArgumentParser, names: list[str]) -> tuple[Contender, ...]:
    known = [one.name for one in CONTENDERS]
    if unknown := set(names) - set(known):
        parser.error(f"no contender {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    # The plain loop takes part in any case: all are related to it, and checked against it.
    return tuple(one for one in CONTENDERS if not names or one.name in (REFERENCE, *names))


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
