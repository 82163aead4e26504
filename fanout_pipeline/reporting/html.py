"""The report as one HTML file that needs no server, no network and no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fanout_pipeline.measuring.comparison.comparison import Comparison
from fanout_pipeline.measuring.comparison.descriptions import strategy_sentence
from fanout_pipeline.measuring.comparison.options_line import options_line
from fanout_pipeline.measuring.comparison.slowdown_reasons import slowdown_reasons
from fanout_pipeline.measuring.comparison.verdict import Verdict
from fanout_pipeline.measuring.trials.machine import machine_sentence
from fanout_pipeline.reporting.escape import plain
from fanout_pipeline.reporting.method import method
from fanout_pipeline.reporting.page import (
    ALT_TEXTS,
    HEADLINE_STRATEGY,
    HOW_IT_IS_DIVIDED,
    HOW_TO_READ,
    WITHHELD,
    legend,
)
from fanout_pipeline.reporting.tables import (
    breakdown_cells,
    comparison_cells,
    first_results_cells,
)

_TEMPLATE = "report.html.j2"


def report_html(
    comparison: Comparison, verdict: Verdict, changes: Sequence[str], pictures: Mapping[str, str]
) -> str:
    """The page; `pictures` maps "times" and "breakdown" to data URIs, and no other address is shown."""
    # Imported here because steps import this module, and only one of them writes a report.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = lambda value: plain(value, None)
    return environment.get_template(_TEMPLATE).render(
        comparison=comparison,
        verdict=verdict,
        sentence=strategy_sentence(comparison, HEADLINE_STRATEGY),
        changes=changes,
        pictures={n: a for n, a in pictures.items() if a.startswith("data:image/png;base64,")},
        alt_texts=ALT_TEXTS,
        times=comparison_cells(comparison),
        how_to_read=HOW_TO_READ.format(reference=comparison.reference),
        breakdown=breakdown_cells(comparison),
        how_it_is_divided=HOW_IT_IS_DIVIDED,
        legend=legend(comparison),
        reasons=[text.partition(":") for text in slowdown_reasons(comparison)],
        first_results=first_results_cells(comparison),
        method=method(comparison),
        options=options_line(comparison, verdict),
        withheld=WITHHELD,
        machine=machine_sentence(comparison.run.machine),
        wrong={row.strategy for row in comparison.rows if not row.correct},
    )
