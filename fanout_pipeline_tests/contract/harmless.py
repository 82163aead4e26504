"""What a text must be that a terminal, a log or a page shows."""

from fanout_pipeline_tests.contract.functions.hostile import FORGED


def assert_harmless(text, at_most=50_000):
    """Nothing but visible characters and ends of lines, none of which begins a line by itself."""
    assert len(text) < at_most
    assert text.replace("\n", "").isprintable()
    assert not [line for line in text.splitlines() if line.startswith(FORGED)]
