"""Csv gives exactly the records that Python's `csv` finds, wherever the file is cut."""

import csv
import pickle
from itertools import count, pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fanout_pipeline import Chunk, Csv
from fanout_pipeline.sources import csv_marks
from fanout_pipeline_tests.chance import examples
from fanout_pipeline_tests.sources.reading import read

MARK = "\ufeff".encode()
NAMES = ("a", "b", "c")
NUMBERS = count()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("csv")


def new_file(folder, *contents):
    """A file, or a folder of files, at a path of its own: times are coarse."""
    path = folder / f"{next(NUMBERS)}"
    if len(contents) == 1:
        path.write_bytes(contents[0])
    else:
        path.mkdir()
        for number, content in enumerate(contents):
            (path / f"{number}.csv").write_bytes(content)
    return path


def rows_of(path, **how):
    """The records that csv finds, with the number of the line at which each begins."""
    rows, line = [], 0
    with open(path, newline="", encoding=how.pop("encoding", "utf-8-sig")) as file:
        reader = csv.reader(file, **how)
        for row in reader:
            if row:
                rows.append((row, line + 1))
            line = reader.line_num
    return rows


def as_item(row, names=NAMES):
    """As DictReader does it; None for a record with too many fields."""
    if len(row) > len(names):
        return None
    return dict(zip(names, row + [None] * (len(names) - len(row)), strict=True))


PIECES = [
    '"',
    '""',
    ",",
    "\n",
    "\r\n",
    "\r",
    "a",
    "é",
    '","',
    '\n"',
    '"\n',
    "\x00",
    " ",
    "\ufeff",
    "\u2028",
]
contents = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


def check(source, wanted, edges):
    """`wanted`: each item, None where it cannot be read, and where it is found."""
    version = source.examine()
    examined = pickle.loads(pickle.dumps(source.examined(version)))
    assert version.items == len(wanted)
    size = version.size
    cut = sorted({0, size, *(edge % (size + 1) for edge in edges)})
    for one in (source, examined):
        found = []
        for start, stop in pairwise(cut):
            items = one.read(Chunk(0, start, stop))
            assert items.first_index == len(found)
            own = list(items)
            assert len(items) == len(own)
            for position in range(1, len(own)):
                assert list(one.read(items.rest(position))) == own[position:]
                assert items[position] == own[position]
            found += [None if n in items.unreadable else item for n, item in enumerate(own)]
        assert found == [item for item, _ in wanted]
    for index, (_, place) in enumerate(wanted):
        assert examined.locate(index) == place


@settings(deadline=None, max_examples=examples(400))
@given(
    text=contents,
    edges=st.sets(st.integers(0, 60), max_size=6),
    block=st.integers(1, 9),
    long=st.integers(1, 30),
    mark=st.booleans(),
)
@example("", {1}, 1, 1, True)
@example('a,b,c\n"x\n', {3}, 2, 9, False)
@example('x"y,"\n",z"\n1,2,3', {5, 9}, 3, 9, False)
@example('"a""b"\r"c\r\n"\n\r', {5, 9}, 1, 9, False)
@example("a\r\r\nb\r", {1, 2, 3, 4}, 2, 9, False)
def test_records_are_those_of_csv(folder, text, edges, block, long, mark):
    """Of any text with any cuts: the same fields, numbers, and lines at which they begin."""
    path = new_file(folder, (MARK if mark else b"") + text.encode())
    wanted = [
        (as_item(row), f"line {line} of {path}")
        for row, line in rows_of(path, encoding="utf-8-sig" if mark else "utf-8")
    ]
    if not mark and text.startswith("\ufeff"):
        return
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(csv_marks, "_BLOCK_BYTES", block)
        patched.setattr(csv_marks, "_LONG_BYTES", long)
        check(Csv(str(path), header=NAMES), wanted, edges)


@settings(deadline=None, max_examples=examples(100))
@given(
    texts=st.lists(contents, min_size=1, max_size=4),
    edges=st.sets(st.integers(0, 99), max_size=6),
    block=st.integers(1, 9),
)
@example(["", "a", "", "b\n"], {1, 2}, 1)
@example(['"a\n', "b", "\n\n", '"'], {1, 2}, 1)
def test_a_record_ends_with_its_file(folder, texts, edges, block):
    """File after file, each with its header: none goes on in the next, and lines are counted in each."""
    texts = [text.removeprefix("\ufeff") for text in texts]
    header = "\n\r\na,b,c\r\n"
    path = new_file(
        folder, *[(header + text).encode() for text in texts], b"", b"\n", MARK + b"a,b,c"
    )
    wanted = [
        (as_item(row), f"line {line} of {path}/{number}.csv")
        for number in range(len(texts))
        for row, line in rows_of(path / f"{number}.csv")[1:]
    ]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(csv_marks, "_BLOCK_BYTES", block)
        check(Csv(str(path)), wanted, edges)


@settings(deadline=None, max_examples=examples(60))
@given(st.lists(st.sampled_from(["'", '"', ";", "\t", "\n", "é", "x", ","]), max_size=25).map("".join),
       st.sampled_from("';\t,"), st.sampled_from(["'", None]), st.sampled_from(["latin-1", "cp1252"]))  # fmt: skip
def test_other_dialects_and_encodings(folder, text, delimiter, quote, encoding):
    """Any delimiter and quote, or none; encodings of one byte a character."""
    if delimiter == quote:
        return
    path = new_file(folder, text.encode(encoding))
    how = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    wanted = [
        (as_item(row), f"line {line} of {path}")
        for row, line in rows_of(path, encoding=encoding, delimiter=delimiter, **how)
    ]
    source = Csv(str(path), delimiter=delimiter, quotechar=quote, header=NAMES, encoding=encoding)
    check(source, wanted, {3, 7, 11})


@pytest.mark.parametrize(
    ("encoding", "text"), [("shift_jis", "表,ソ\r\n能,x\n"), ("gb18030", "中,㐀\n")]
)
def test_encodings_of_several_bytes(folder, encoding, text):
    """Those in which the bytes of quotes, delimiters and line ends are part of no other character."""
    path = new_file(folder, text.encode(encoding))
    assert read(Csv(str(path), header=("a", "b"), encoding=encoding), 3) == [
        dict(zip("ab", line.split(","), strict=True)) for line in text.split()
    ]


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"encoding": "utf-16"}, "iconv -f utf-16 -t UTF-8"),
        ({"encoding": "utf-7"}, "iconv"),
        ({"encoding": "cp037"}, "iconv"),
        ({"encoding": "iso2022_jp", "delimiter": "x"}, "iconv"),
        ({"encoding": "shift_jis", "delimiter": "|"}, "may be part of another character"),
        ({"delimiter": "§"}, "'\\\\xa7' is 2 in utf-8"),
        ({"delimiter": "||"}, "one character"),
        ({"quotechar": "\n"}, "no line end"),
        ({"quotechar": ","}, "both ','"),
    ],
)
def test_what_cannot_be_cut_is_refused(how, told):
    """At once, with what to do about it."""
    with pytest.raises(ValueError, match=told):
        Csv("a.csv", **how)


def test_a_path_with_a_scheme_is_refused():
    """It is not taken for the name of a local file."""
    with pytest.raises(ValueError, match=r"not s3://bucket/a.csv: copy them first"):
        Csv("s3://bucket/a.csv")


def test_names_are_no_text():
    """One column is a tuple of one name."""
    with pytest.raises(TypeError, match="columns must be names"):
        Csv("a.csv", columns="amount")
    with pytest.raises(TypeError, match="header must be names"):
        Csv("a.csv", header=False)
