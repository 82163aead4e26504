import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from fanout_pipeline.reporting.escape import markdown, plain
from fanout_pipeline_tests.reporting.hostile import VALUES

TEXTS = st.text(st.sampled_from("\\`*_[]()<>#+-=.!|&;~$:/@w1a \n\t") | st.characters())
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")


def shown(source):
    """The text of the one paragraph that Markdown makes of it; None if it makes anything else."""
    tokens = MARKDOWN.parse(source)
    if [token.type for token in tokens] != ["paragraph_open", "inline", "paragraph_close"]:
        return None
    inside = tokens[1].children
    return "".join(t.content for t in inside) if {t.type for t in inside} == {"text"} else None


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_a_hostile_value_is_text(value):
    """What a function returns is read in the page as text, whatever it looks like."""
    text = plain(value)
    assert len(text) < 500
    assert text.isprintable()
    assert shown(markdown(text)) == text


@given(TEXTS)
def test_any_text_survives_markdown(text):
    """Every text is shown as it is, with what cannot be seen spelled out."""
    visible = plain(text, None).strip()
    if visible:
        assert shown(markdown(text)) == visible


@given(TEXTS, TEXTS)
def test_any_two_texts_stay_in_their_cells(one, other):
    """A value in a table takes up its cell and no other."""
    source = f"| a | b |\n|---|---|\n| {markdown(one)} | {markdown(other)} |"
    tokens = MARKDOWN.parse(source)
    cells = [
        "".join(t.content for t in tokens[n + 1].children)
        for n, token in enumerate(tokens)
        if token.type == "td_open"
    ]
    assert cells == [plain(one, None).strip(), plain(other, None).strip()]


@pytest.mark.parametrize(
    "text", ["- a", "+ a", "1. a", "2) a", "---", "- - -", "===", "# a", "> a"]
)
def test_a_line_begins_no_block(text):
    """A remark that starts like a list, a rule or a heading is a sentence all the same."""
    assert shown(markdown(text)) == text


@pytest.mark.parametrize(
    "text", ["0.026", "-5", "1.2e-07", "dagster_multiprocess", "faster (95 %)"]
)
def test_what_is_harmless_stays_readable(text):
    """Numbers and names look the same in the source of the page."""
    assert markdown(text) == text


def test_an_integer_too_long_to_print_is_named():
    """A result of a million bits does not stop the report."""
    assert plain(1 << 1_000_000) == "an integer of 1,000,001 bits"
