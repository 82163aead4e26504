"""Texts of others, made printable."""

from fanout_pipeline.results.files.printable import printable_lines


def test_a_long_traceback_keeps_its_beginning_and_its_end():
    """A message of a hundred thousand lines does not fill the log."""
    text = printable_lines("\n".join(f"line {number}" for number in range(100_000)))
    assert text.startswith("line 0\n")
    assert text.endswith("\nline 99999")
    assert "\n… (99,800 lines)\n" in text
    assert len(text) < 5000
