"""The summary in Markdown: contenders by workloads, and the best of ours beside the best peer."""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import tabulate

from benchmarks.peers.contenders import CONTENDERS, OURS, REFERENCE
from benchmarks.peers.rounds import Measured
from benchmarks.peers.summary import WAYS, best, estimate, status
from fanout_pipeline.measuring.trials.machine import machine_sentence
from fanout_pipeline.reporting.escape import markdown
from fanout_pipeline.reporting.tables import interval, ratio

_EXPLAINED = {
    "cold": "Starting workers, calling, stopping workers; the library is imported and the items are there before.",
    "warm": "Calling once more, by the workers that are there already.",
}


def page(measured: Sequence[Measured], versions: dict[str, str]) -> str:
    """results.md."""
    blocks = ["# Against peers"]
    for way in WAYS:
        blocks += [f"## {way.capitalize()}: time in relation to the plain loop's", _EXPLAINED[way]]
        blocks.append(ratios(measured, way))
    blocks += [f"## {OURS} beside the best peer", bests(measured)]
    blocks += ["## What to know", "\n".join(f"- {line}" for line in _remarks(measured))]
    if measured:
        named = ", ".join(f"{name} {version}" for name, version in versions.items())
        machine = machine_sentence(measured[0].comparison.run.machine)
        blocks.append(f"On {markdown(machine)}; {markdown(named)}.")
    return "\n\n".join(blocks) + "\n"


def ratios(measured: Sequence[Measured], way: str) -> str:
    """Medians of the rounds' ratios with their 95 % intervals; under 1 is faster."""
    names = [one.name for one in CONTENDERS]
    for one in measured:
        names += [row.strategy for row in one.comparison.rows]
        names += [*one.comparison.run.failures, *one.absent, *one.not_run]
    columns = {name: [_cell(one, name, way) for one in measured] for name in dict.fromkeys(names)}
    shown = [name for name, cells in columns.items() if any(cells)]
    rows = [
        [one.workload.name, *(columns[name][number] for name in shown)]
        for number, one in enumerate(measured)
    ]
    return _markdown(["", *shown], rows)


def bests(measured: Sequence[Measured]) -> str:
    headers = [
        "workload",
        "",
        f"{OURS} s",
        "best peer",
        "s",
        f"{OURS} / peer",
        "95 %",
        f"{OURS} is",
    ]
    rows = []
    for one in measured:
        for way in WAYS:
            found = best(one, way)
            if found is None:
                continue
            told = found.ratio
            rows.append([
                one.workload.name, way, f"{found.ours_seconds:.3f}", found.peer, f"{found.peer_seconds:.3f}", ratio(told.ratio) if told else "",
                interval(told.low, told.high) if told else "", found.shown,
            ])  # fmt: skip
    return _markdown(headers, rows)


def _cell(one: Measured, name: str, way: str) -> str:
    row = one.comparison.row(name)
    state = status(row, name, one)
    if row is None or state in ("absent", "failed", "no time"):
        return state
    if name == REFERENCE:
        seconds = row.wall_seconds if way == "cold" else row.warm_seconds
        return f"{seconds:.3f} s"
    told = estimate(row, way)
    if told is None:
        return state
    between = interval(told.low, told.high)
    text = f"{ratio(told.ratio)}× ({between})" if between else f"{ratio(told.ratio)}×"
    return f"{text} {state}".rstrip()


def _remarks(measured: Sequence[Measured]) -> list[str]:
    lines = []
    for one in measured:
        noise = one.comparison.noise
        chance = "unknown" if noise == float("inf") else f"{noise:.1%}"
        lines.append(
            f"{one.workload.name}: {one.workload.description}; {one.items:,} items, "
            f"{one.comparison.rounds} rounds, two plain loops differ by chance by up to: {chance}"
        )
        for label, names in (("not installed", one.absent), ("no time", one.not_run)):
            if names:
                lines.append(f"{one.workload.name}: {label}: {', '.join(names)}")
        failures = one.comparison.run.failures
        lines += [
            f"{one.workload.name}: {name} failed: {_first(why)}" for name, why in failures.items()
        ]
    lines.append("A ratio without an interval rests on fewer than 5 rounds.")
    return [markdown(line) for line in lines]


def _first(text: str) -> str:
    return text.partition("\n")[0]


def _markdown(headers: list[str], rows: list[list[str]]) -> str:
    cells = [[markdown(cell) for cell in row] for row in rows]
    return tabulate(
        cells, [markdown(one) for one in headers], tablefmt="github", disable_numparse=True
    )
