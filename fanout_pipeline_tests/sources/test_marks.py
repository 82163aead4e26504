"""A byte order mark is no part of the first item, however the file is read; another encoding is named."""

import codecs
import os
import shutil
import subprocess
from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fanout_pipeline import FanoutSpec, IntegerLines, Options, TextLines, read_results
from fanout_pipeline.engine.model.errors import ItemFailed
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.scheduling.assignments import split_at
from fanout_pipeline.measuring.correctness.verification import self_check
from fanout_pipeline.sources.source import BadInput, Chunk
from fanout_pipeline_tests.sources.reading import items_of, read

MARK = codecs.BOM_UTF8
lines = st.text("a1é\ufeff\r \u2028", max_size=3)
ends = st.sampled_from(["\n", "\r\n"])


@st.composite
def texts(draw):
    text = "".join(line + end for line, end in draw(st.lists(st.tuples(lines, ends), max_size=8)))
    return (text.rstrip("\r\n") if draw(st.booleans()) else text).encode()


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    return folder / "marked.txt", folder / "head.txt"


def in_lines(text):
    """As Python does it."""
    found = text.decode().split("\n")
    if not found[-1]:
        found.pop()
    return [line.removesuffix("\r") for line in found]


@settings(deadline=None, max_examples=300)
@given(text=texts(), chunks=st.integers(1, 20))
@example(b"", 3)
@example(b"\n", 4)
@example("\ufeffa\n".encode(), 5)
@example(b"a", 4)
def test_the_items_are_those_without_the_mark(paths, text, chunks):
    """In any chunks, counted, cut short or split anywhere, and in the file that trials are made with."""
    marked, head = paths
    marked.write_bytes(MARK + text)
    source = TextLines(str(marked))
    wanted = in_lines(text)
    cuts = source.chunks(chunks)
    assert read(source, chunks) == wanted
    assert sum(len(source.read(chunk)) for chunk in cuts) == len(wanted)
    for chunk in cuts:
        own = items_of(source, chunk)
        for position in range(1, len(own)):
            rest = source.read(chunk).rest(position)
            assert items_of(source, rest) == own[position:]
            done = Chunk(chunk.number, chunk.start, rest.start)
            assert items_of(source, done) == own[:position]
        for position, item in enumerate(own):
            split = split_at(source, chunk, position)
            around = [split.before, split.item, split.after]
            found = [items_of(source, one) for one in around if one is not None]
            assert [item for one in found for item in one] == own
            assert items_of(source, split.item) == [item]
    if wanted:
        repeated = source.head(2 * len(wanted) + 1, head)
        assert read(repeated) == [*wanted, *wanted, wanted[0]]


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=12), st.sets(st.integers(0, 16)))
def test_any_ranges_share_out_the_lines(paths, content, edges):
    """Whatever bytes stand at the beginning and wherever ranges meet, each line is in one of them."""
    marked, _ = paths
    marked.write_bytes(MARK + content)
    size = len(MARK + content)
    source = TextLines(str(marked))
    cut = sorted({0, size, *(edge for edge in edges if edge < size)})
    read = [source.read(Chunk(n, start, stop)) for n, (start, stop) in enumerate(pairwise(cut))]
    whole = source.read(Chunk(0, 0, size))
    assert [item for items in read for item in items] == list(whole)
    assert [items.first_index for items in read] == [
        sum(map(len, read[:number])) for number in range(len(read))
    ]


@pytest.mark.parametrize("chunks", [1, 2, 9])
def test_integers_are_read_after_a_mark(paths, chunks):
    """As spreadsheets write them; a mark anywhere else is no digit."""
    marked, _ = paths
    marked.write_bytes(MARK + b"12\r\n-3\r\n4\r\n")
    source = IntegerLines(str(marked))
    assert read(source, chunks) == [12, -3, 4]
    assert source.read(source.chunks(1)[0]).as_batch().tolist() == [12, -3, 4]
    marked.write_bytes(MARK + MARK + b"12\n")
    with pytest.raises(BadInput, match=r"line 1 .* is not an integer: '\\ufeff12'"):
        read(source)


def test_a_mark_alone_is_an_empty_file(paths, tmp_path):
    """It has no item, and none can be repeated."""
    marked, _ = paths
    marked.write_bytes(MARK)
    for source in (TextLines(str(marked)), IntegerLines(str(marked))):
        assert read(source) == []
        with pytest.raises(BadInput, match="is empty"):
            source.head(1, tmp_path / "head.txt")


@pytest.mark.parametrize("name", ["serial", "threads", "multiprocess", "pool_map"])
def test_a_run_leaves_the_mark_out(name, tmp_path):
    """The first result is that of the first line, and as many are counted as there are."""
    file = tmp_path / "lines.txt"
    file.write_bytes(MARK + b"first\nsecond\n" * 50)
    spec = FanoutSpec("texts", TextLines(str(file)), len)
    options = Options(workers=2)
    record = run_strategy(STRATEGIES[name], spec, tmp_path / name, replace(options, chunks=4))
    assert read_results(tmp_path / name)["result"].tolist() == [5, 6] * 50
    check = self_check(spec, tmp_path / name, record)
    assert (check.items, check.missing, check.duplicated) == (100, 0, 0)


@pytest.mark.parametrize("chunks", [1, 4, 40])
@pytest.mark.parametrize("name", ["serial", "threads"])
def test_a_run_goes_on_after_a_mark(name, chunks, tmp_path):
    """What a run had finished when it failed is reused, to the same results at the same indexes."""
    file, mended = tmp_path / "lines.txt", tmp_path / "mended"
    file.write_bytes(MARK + b"".join(b"%d\n" % number for number in range(40)))

    def function(line):
        if line == "30" and not os.path.exists(mended):
            raise ValueError(line)
        return line

    spec = FanoutSpec("texts", TextLines(str(file)), function)
    options = Options(workers=1, chunks=chunks)
    run = partial(run_strategy, STRATEGIES[name], spec, tmp_path / name, options)
    with pytest.raises(ItemFailed, match=r"item 30 \(line 31 of "):
        run(ledger=True, resume=True)
    mended.touch()
    record = run(ledger=True, resume=True)
    assert record.reused_items == 30
    frame = read_results(tmp_path / name)
    assert frame["result"].tolist() == list(map(str, range(40)))
    assert frame["index"].tolist() == list(range(40))


@pytest.mark.parametrize(
    ("mark", "codec", "named"),
    [
        (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
        (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
        (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
        (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    ],
)
@pytest.mark.parametrize("source", [TextLines, IntegerLines])
def test_another_encoding_is_named(mark, codec, named, source, tmp_path):
    """Before anything is called, with the command that converts the file."""
    file = tmp_path / "its numbers.txt"
    file.write_bytes(mark + "12\r\n7\n".encode(codec))
    here = source(str(file))
    for operation in (
        here.examine,
        lambda: here.read(Chunk(0, 0, 5)),
        lambda: here.head(1, tmp_path / "head.txt"),
    ):
        with pytest.raises(BadInput, match=rf"numbers.txt is {named}, .* read as UTF-8.*iconv"):
            operation()
    with pytest.raises(BadInput) as caught:
        here.examine()
    assert f"iconv -f {named} -t UTF-8 '{file}' > " in str(caught.value)
    if shutil.which("iconv"):
        command = ["iconv", "-f", named, "-t", "UTF-8", str(file)]
        file.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
        assert list(map(int, read(here))) == [12, 7]
