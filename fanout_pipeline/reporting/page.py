"""The report as a page in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from fanout_pipeline.engine.timing.phases import PHASES
from fanout_pipeline.measuring.comparison.comparison import Comparison
from fanout_pipeline.measuring.comparison.descriptions import strategy_sentence
from fanout_pipeline.measuring.comparison.options_line import options_line
from fanout_pipeline.measuring.comparison.slowdown_reasons import slowdown_reasons
from fanout_pipeline.measuring.comparison.verdict import Verdict
from fanout_pipeline.measuring.trials.machine import machine_sentence
from fanout_pipeline.reporting.escape import markdown
from fanout_pipeline.reporting.method import method
from fanout_pipeline.reporting.tables import (
    breakdown_table,
    comparison_table,
    first_results_table,
)

HEADLINE_STRATEGY = "multiprocess"
"""The strategy that the sentence under the verdict is about."""
HOW_TO_READ = (
    "Ratio: the time divided by that of {reference} in the same round, the median over the rounds (not "
    "one column divided by the other); below 1 is faster. 95 %: its interval. Warm: with workers that "
    "are already running. Efficiency: speed-up for each worker; 1 is a perfect split, and vectorising, "
    "or waiting for many calls at once, can give more."
)
HOW_IT_IS_DIVIDED = (
    "Seconds of each strategy's median trial. A phase is the mean over the workers, so that a line sums "
    "to its wall time; unaccounted is the time that belongs to no phase."
)
WITHHELD = "Nothing yet: there is no verdict."
"""In place of the options, where none are recommended."""
ALT_TEXTS = {
    "times": "wall time of each strategy",
    "breakdown": "share of each phase in each strategy's wall time",
}


def report_markdown(
    comparison: Comparison, verdict: Verdict, changes: Sequence[str], pictures: Mapping[str, str]
) -> str:
    """A page for people; `pictures` maps "times" and "breakdown" to addresses or data URIs."""
    return "\n\n".join(_blocks(comparison, verdict, changes, pictures)) + "\n"


def legend(comparison: Comparison) -> dict[str, str]:
    """What each phase that is shown means."""
    return {phase: PHASES[phase] for phase in comparison.phases}


def _blocks(
    comparison: Comparison, verdict: Verdict, changes: Sequence[str], pictures: Mapping[str, str]
) -> Iterator[str]:
    yield f"# {markdown(comparison.name)}: {comparison.items:,} items"
    headline = strategy_sentence(comparison, HEADLINE_STRATEGY)
    yield f"**{markdown(verdict.sentence)}** {markdown(headline)}"
    if verdict.grounds:
        yield _list(verdict.grounds)
    if changes:
        yield "## Changed since the last trusted comparison"
        yield _list(changes)
    yield "## Times"
    yield comparison_table(comparison)
    yield markdown(HOW_TO_READ.format(reference=comparison.reference))
    yield from _picture("times", pictures)
    yield "## Where the time went"
    yield from _picture("breakdown", pictures)
    yield breakdown_table(comparison)
    yield HOW_IT_IS_DIVIDED
    meanings = [f"{phase}: {meaning}" for phase, meaning in legend(comparison).items()]
    if meanings:
        yield _list(meanings)
    yield "Why multiprocessing can be slower than a loop, in this run's numbers:"
    yield "\n".join(
        f"{n}. {markdown(text)}" for n, text in enumerate(slowdown_reasons(comparison), 1)
    )
    if comparison.recorded:
        yield "## The first results of each strategy"
        yield first_results_table(comparison)
    yield "## How it was measured"
    yield _list(method(comparison))
    yield "## Machine"
    yield f"{markdown(machine_sentence(comparison.run.machine))}."
    yield "## What to write"
    yield WITHHELD if (line := options_line(comparison, verdict)) is None else f"`{line}`"


def _picture(name: str, pictures: Mapping[str, str]) -> Iterator[str]:
    if name in pictures:
        yield f"![{ALT_TEXTS[name]}]({pictures[name]})"


def _list(texts: Iterable[str]) -> str:
    return "\n".join(f"- {markdown(text)}" for text in texts)
