"""Any text, cut anywhere, reads as Python's own splitting at LF does, or as an error."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fanout_pipeline import TextLines
from fanout_pipeline.sources.source import BadInput
from fanout_pipeline_tests.chance import examples
from fanout_pipeline_tests.sources.reading import read

NO_ENDS = "a\x0bb\x0cc\x1cd\x1de\x1ef\x85g\u2028h\u2029i\rj"
"""What `str.splitlines` splits at, and a text file's lines do not end with."""

texts = st.text(st.sampled_from("\n\n\r\x00x é€😀" + NO_ENDS) | st.characters(codec="utf-8"))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("source") / "lines.txt"


def source_of(path, content):
    path.write_bytes(content)
    return TextLines(str(path))


def split(text):
    """As Python does it: the meaning that is promised."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


@settings(deadline=None, max_examples=examples(300))
@given(text=texts, chunks=st.integers(1, 60))
@example(text="", chunks=3)
@example(text="\n\n\n", chunks=2)
@example(text="😀" * 4000 + "\r\n\r", chunks=50)
@example(text="one\r\r\ntwo\r", chunks=4)
def test_chunks_together_are_the_file(path, text, chunks):
    """However many chunks there are, their items are the text split at LF, in order."""
    source = source_of(path, text.encode())
    assert read(source, chunks) == split(text)
    assert sum(len(source.read(chunk)) for chunk in source.chunks(chunks)) == len(split(text))


@settings(deadline=None, max_examples=examples(100))
@given(text=texts, chunks=st.integers(1, 5))
def test_a_batch_holds_the_same_items(path, text, chunks):
    """A batch function gets exactly the lines, as a Series of text."""
    source = source_of(path, text.encode())
    for items in map(source.read, source.chunks(chunks)):
        assert items.as_batch().tolist() == list(items)
        assert items.as_arrow(["item"])["item"].to_pylist() == list(items)


def test_only_a_line_feed_ends_a_line(path):
    """Separators that str.splitlines would split at stay in the item."""
    source = source_of(path, f"{NO_ENDS}\nnext\r\n".encode())
    assert read(source, 3) == [NO_ENDS, "next"]


@pytest.mark.parametrize("ends", ["", "\n", "\r\n"])
@pytest.mark.parametrize("chunks", [1, 7])
def test_a_line_that_is_not_utf8_is_named(path, ends, chunks):
    """Bytes that are no text are an error that names the file, the line in the whole file, and the byte."""
    good = "é\r\n".encode() * 1000
    source = source_of(path, good + b"caf\xe9" + ends.encode() + (good if ends else b""))
    with pytest.raises(BadInput) as caught:
        read(source, chunks)
    message = str(caught.value)
    assert f"line 1001 of {path} is not UTF-8 (byte 0xe9 at position 3): " in message
    assert r"'caf\\xe9'" in message
    assert "Convert the file to UTF-8" in message


def test_a_long_bad_line_is_shortened(path):
    """A line of a megabyte does not fill the screen."""
    source = source_of(path, b"x" * 10**6 + b"\xff\n")
    with pytest.raises(BadInput, match=r"\(1,000,001 bytes\)") as caught:
        read(source, 1)
    assert len(str(caught.value)) < len(str(path)) + 300


@pytest.mark.parametrize("content", ["a\n\nc\n", "a\n\nc", "a\r\n\r\nc\r"])
@pytest.mark.parametrize("items", [0, 1, 2, 3, 4, 7])
def test_a_head_has_exactly_so_many_items(path, tmp_path, content, items):
    """A file of any number of lines is made of the first ones, repeated where they are too few."""
    head = source_of(path, content.encode()).head(items, tmp_path / "head.txt")
    assert read(head, 3) == (["a", "", "c"] * (items // 3 + 1))[:items]


def test_messages_say_what_was_expected(tmp_path):
    """Who gives an empty folder, or no file at all, is told so."""
    with pytest.raises(BadInput, match="is a folder without a file of lines"):
        TextLines(str(tmp_path)).chunks(2)
    with pytest.raises(BadInput, match=r"Cannot read .*none.txt: No such file"):
        TextLines(str(tmp_path / "none.txt")).examine()
