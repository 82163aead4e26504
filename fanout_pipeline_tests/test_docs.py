"""The pages say what is there."""

import re
from pathlib import Path

import pytest

from fanout_pipeline_tests.names import STRATEGIES

ROOT = Path(__file__).parent.parent
TESTS = Path(__file__).parent
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("data/*.md")]
    if path.name != "CHANGELOG.md"
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_lines_fit_on_a_screen_and_links_lead_somewhere(page):
    """A page can be read in an editor, tables apart, and no link in it is broken."""
    text = page.read_text()
    long = [line for line in text.split("\n") if len(line) > 120 and line[:1] not in ("|", "!")]
    assert long == []
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        assert "://" in target or (page.parent / target).exists(), target


def test_every_strategy_is_described():
    """The tables of the README say of each strategy what it does and what it costs."""
    page = (ROOT / "README.md").read_text()
    assert [name for name in STRATEGIES if f"\n| `{name}` | " not in page] == []


def test_the_tests_that_hold_a_promise_are_there():
    """Whoever doubts a promise finds the test that holds it."""
    page = (ROOT / "docs" / "reliability.md").read_text()
    named = re.findall(r"`([\w/]+(?:\.py|/))`", page)
    assert len(named) > 50
    assert [name for name in named if not (TESTS / name).exists()] == []
