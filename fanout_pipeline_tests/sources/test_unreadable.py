"""Record by record, a chunk holds the items that it would hold without those that cannot be read."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from fanout_pipeline import IntegerLines, TextLines
from fanout_pipeline.sources.lines import LineItems
from fanout_pipeline.sources.source import Chunk, Unreadable

LINES = {
    IntegerLines: [
        *[b"12", b"-3", b"+5", b" 7 ", b"1_000", b"007", "٣".encode(), b"9" * 25],
        *[b"", b"12a", b" ", b"1\r2", b"\xff", b"0x10", b"1.5", b"9" * 5000, b"\x00"],
    ],
    TextLines: [b"", b"a", "é".encode(), b"\ra", b"\x00", b"\xff", b"caf\xe9", b"\xed\xa0\x80"],
}


@st.composite
def contents(draw):
    kind = draw(st.sampled_from([IntegerLines, TextLines]))
    lines = draw(st.lists(st.sampled_from(LINES[kind]), max_size=12))
    end = draw(st.sampled_from([b"\n", b"\r\n"]))
    return kind("file.txt"), end.join(lines) + draw(st.sampled_from([b"", end]))


def items_of(source, raw):
    return LineItems(source, Chunk(0, 0, len(raw)), [(0, raw)])


@settings(deadline=None, max_examples=400)
@given(contents())
@example((IntegerLines("file.txt"), b"1\n\r"))
@example((IntegerLines("file.txt"), b"1\r\nx"))
def test_record_by_record_is_as_a_whole_but_for_those_that_cannot_be_read(found):
    """As many as are counted, each the item that a chunk of the line alone has."""
    source, raw = found
    found = items_of(source, raw)
    items = source.parse_each(raw)
    assert len(found) == len(items)
    bad = [position for position, item in enumerate(items) if type(item) is Unreadable]
    assert list(found) == items
    assert list(found.unreadable) == bad
    assert found.as_batch().equals(source.series(found.readable()))
    for position in bad:
        assert items[position].text.isprintable()
        assert len(items[position].text) < 120
    for position, item in enumerate(items):
        if position not in bad:
            assert [item] == list(items_of(source, raw.split(b"\n")[position] + b"\n"))


def test_a_chunk_knows_which_records_cannot_be_read(tmp_path):
    """They are in their places, named for messages, and left out of a batch."""
    (tmp_path / "numbers.txt").write_text("1\nx\n3\n\n")
    items = IntegerLines(str(tmp_path / "numbers.txt")).read(Chunk(0, 0, 7))
    assert len(items) == 4
    assert {n: record.text for n, record in items.unreadable.items()} == {1: "'x'", 3: "''"}
    assert [type(item) is Unreadable for item in items] == [False, True, False, True]
    assert items.readable() == [1, 3]
    assert items.as_batch().tolist() == [1, 3]
    assert items.as_arrow()["item"].to_pylist() == [1, None, 3, None]


def test_what_is_an_integer_is_as_before():
    """Signs, blanks, underscores, zeros and other scripts' digits are int()'s, and an empty line is none."""
    lines = [b"+5", b" 7\t", b"1_000", b"007", "٣".encode(), b"-0", b"", b"_1", b"1__0", b"0x10"]
    items = IntegerLines("file.txt").parse_each(b"\n".join(lines))
    assert [item if type(item) is int else item.reason for item in items] == [
        *(5, 7, 1000, 7, 3, 0),
        "is blank",
        *["is not an integer"] * 3,
    ]
