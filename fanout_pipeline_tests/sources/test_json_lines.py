"""Any line is read as Python's `json` reads it, or told, however the file is cut."""

import json
import math

import pandas
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fanout_pipeline import (
    BadInput,
    FanoutSpec,
    ItemFailed,
    JsonLines,
    Options,
    Unreadable,
    read_failures,
    read_results,
)
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline_tests.chance import examples
from fanout_pipeline_tests.sources.reading import read

HARD = [
    *["18446744073709551615", "18446744073709551616", "-9223372036854775809", "9" * 60],
    *["1e400", "-1e400", "1e-400", "-0", "-0.0", "NaN", "-Infinity", "0.1e1", "9007199254740993.0"],
    *["1.7976931348623159e308", "12345678901234567890.5", "9" * 4301, "01", "1.", "+1", "-", "1 2"],
    *[r'"\ud800"', r'"\udc00\ud800"', r'"\ud83d\ude00"', '"\x7f"', '"\t"', r'"\x"', '"\ud800"'],
    *[
        '{"a":1,"b":2,"a":3}',
        "{'a':1}",
        '{"a":1,}',
        "[1,]",
        "[]x",
        "",
        "  ",
        "\r",
        "\ufeff1",
        "\x00",
    ],
    *["[" * 900 + "]" * 900, "[" * 100_000, "[" * 100_000 + "]" * 100_000, '{"a":' * 2000, "nul"],
    *['"' + "9" * 30 + '"', '"\\', "[1\r,2]", "\u00a01", "\u0661", "tru", "true false", '"a"b"'],
]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(2**62, 2**66) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=6,
)
lines = st.builds(json.dumps, values, ensure_ascii=st.booleans()) | st.sampled_from(HARD)
broken = st.builds(
    lambda line, at, put: line[: at % (len(line) + 1)] + put + line[at % (len(line) + 1) + 1 :],
    lines,
    st.integers(0, 60),
    st.sampled_from(["", ",", "]", "[", '"', "\\", "0", "}", "\x01", "e", "-", "é"]),
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("source") / "lines.jsonl"


def as_json_reads(line):
    """What a loop with Python's `json` has of a line; nothing where that raises."""
    try:
        return [json.loads(line.decode())]
    except (ValueError, RecursionError):
        return []


def identical(one, other):
    """Equal in value, in type and in the order of keys; NaN is equal to NaN. Without recursion: Python 3.12
    allows less of it than `json` does."""
    left = [(one, other)]
    while left:
        one, other = left.pop()
        if type(one) is not type(other):
            return False
        if isinstance(one, dict):
            one, other = [*one.items()], [*other.items()]
        if isinstance(one, list | tuple):
            if len(one) != len(other):
                return False
            left += zip(one, other, strict=True)
        elif isinstance(one, float) and math.isnan(one):
            if not math.isnan(other):
                return False
        elif one != other or (
            isinstance(one, float) and math.copysign(1, one) != math.copysign(1, other)
        ):
            return False
    return True


@settings(deadline=None, max_examples=examples(400))
@given(
    st.lists((lines | broken).filter(lambda line: "\n" not in line), max_size=6),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.integers(1, 5),
)
@example([line for line in HARD if "\n" not in line], "\n", True, 3)
def test_lines_are_what_json_reads(path, texts, end, is_ended, chunks):
    """Whatever the lines hold: each is what `json.loads` gives, or an item that cannot be read."""
    raw = end.join(texts).encode(errors="surrogatepass") + (end.encode() if is_ended else b"")
    path.write_bytes(raw)
    source = JsonLines(str(path))
    found = [item for chunk in source.chunks(chunks) for item in source.read(chunk)]
    split = raw.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    expected = [as_json_reads(line) for line in (split if split[-1] else split[:-1])]
    assert len(found) == len(expected)
    for item, read_by_json in zip(found, expected, strict=True):
        if read_by_json:
            assert identical(item, read_by_json[0])
        else:
            assert type(item) is Unreadable
            assert item.text.isprintable()
            assert len(item.text) < 300


def test_lines_are_not_read_as_one_text(path):
    """Lines that would only together be JSON are three that cannot be read."""
    path.write_text('1,2\n["a\nb"]\n')
    [items] = map(JsonLines(str(path)).read, JsonLines(str(path)).chunks(1))
    assert len(items) == 3
    assert list(items.unreadable) == [0, 1, 2]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            b'{"a": 1 "b": 2}',
            r"line 3 of {path} is not JSON (Expecting ',' delimiter at column 9): ",
        ),
        (b"", "line 3 of {path} is blank: ''. Each line must hold one JSON value"),
        (b'"caf\xe9"', "line 3 of {path} is not UTF-8 (byte 0xe9 at position 4): "),
        (b"9" * 5000, "line 3 of {path} has more digits than Python reads (see sys.set_int_max"),
        (b"[" * 10**6, "line 3 of {path} is nested too deeply for Python: '[[["),
        (b"[1, 2", "line 3 of {path} is not JSON (Expecting ',' delimiter at column 6): '[1, 2'."),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(path, line, told):
    """File, line, column and what is wrong, whatever lines are around."""
    path.write_bytes(b'{"a": NaN}\n[1]\n' + line + b'\n{"a": 1}\n')
    with pytest.raises(BadInput) as caught:
        read(JsonLines(str(path)), 2)
    assert told.format(path=path) in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 300


def test_an_error_far_into_a_line_is_shown(path):
    """Of a long line one sees the text around the error, not its beginning."""
    path.write_text('{"text": "' + "x" * 1000 + '", "amount": 12 5}\n')
    with pytest.raises(BadInput, match=r'at column 1027\): .*"amount": 12 5\}.* \(1,028 bytes\)'):
        read(JsonLines(str(path)))


def test_the_place_of_an_error_counts_from_the_line(path):
    """A mark at the beginning of the file is no part of the first line."""
    path.write_bytes(b"\xef\xbb\xbf[1, x]\n")
    with pytest.raises(BadInput, match=r"line 1 of .*Expecting value at column 5"):
        read(JsonLines(str(path)))


@settings(deadline=None, max_examples=examples(100))
@given(st.lists(st.dictionaries(st.sampled_from("abc"), values, max_size=3), min_size=1))
@example([{"a": 2**53 + 1}, {"a": None}, {}])
@example([{"a": 2**53 + 1}, {"a": 1.5}])
@example([{"a": 2**70}, {"\ud800": "\ud800"}])
@example([{"a": True}, {"a": 1}])
def test_a_batch_is_a_frame_of_the_same_values(path, rows):
    """A batch function has a column for each key, and no number, truth value or text is another in it."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    source = JsonLines(str(path))
    frame = source.read(source.chunks(1)[0]).as_batch()
    assert len(frame) == len(rows)
    assert list(frame) == list(dict.fromkeys(key for row in rows for key in row))
    for key in frame:
        for found, row in zip(frame[key].tolist(), rows, strict=True):
            value = row.get(key)
            if value is None:
                assert pandas.isna(found)
            else:
                assert identical(found, value) or (type(found) is float and found == value)


def test_a_batch_of_other_values_is_a_series(path):
    """Lines need not be objects."""
    path.write_text('1\n"a"\n{"b": 2}\n')
    batch = JsonLines(str(path)).read(JsonLines(str(path)).chunks(1)[0]).as_batch()
    assert batch.tolist() == [1, "a", {"b": 2}]


def run(path, folder, **policy):
    spec = FanoutSpec("ids", JsonLines(str(path)), identifier)
    options = Options(workers=1, **policy)
    return run_strategy(STRATEGIES["serial"], spec, folder, options, ledger=True, resume=True)


def identifier(item):
    return item["id"]


def test_a_bad_line_far_into_a_chunk(tmp_path):
    """Its index and place count from the file's beginning, and what fails before and after it does, too."""
    lines = [json.dumps({"id": number, "text": "x" * 50}) for number in range(5000)]
    lines[4321], lines[4322], lines[77] = "{", "[]", "0"
    (tmp_path / "lines.jsonl").write_text("\n".join(lines))
    with pytest.raises(ItemFailed, match=r"item 77 \(line 78 of .*lines\.jsonl\), 0: TypeError"):
        run(tmp_path / "lines.jsonl", tmp_path / "results")
    record = run(tmp_path / "lines.jsonl", tmp_path / "results", on_error="quarantine")
    assert (record.items, record.failed) == (5000, 3)
    failed = read_failures(tmp_path / "results")
    assert failed["index"].tolist() == [77, 4321, 4322]
    assert failed["error_type"].tolist() == ["TypeError", "BadInput", "TypeError"]
    assert failed["where"].tolist()[1] == f"line 4322 of {tmp_path / 'lines.jsonl'}"
    results = read_results(tmp_path / "results")["result"].tolist()
    expected = [None if number in (77, 4321, 4322) else number for number in range(5000)]
    assert [None if pandas.isna(one) else one for one in results] == expected


def test_keys_that_are_asked_for_must_stand_somewhere(path):
    """A key may come late, and one that never comes is told with those that are near."""
    rows = [{"amount": 1, "naïve": 2}] * 100_000 + [{"late": 1}]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    source = JsonLines(str(path))
    source.require_columns(["late", "naïve", "amount"])
    with pytest.raises(
        BadInput, match=r"No object in .* has the key 'amonut'\. Did you mean 'amount'\?"
    ):
        source.require_columns(["amount", "amonut"])
    source.require_columns([])


def test_kept_keys_of_lines_that_are_no_objects_are_null(path, tmp_path):
    """A file may mix objects with other values: their rows have nothing to keep."""
    path.write_text('{"id": 1}\n[2]\n"id"\nnull\n{"other": 5}\n{"id": 6}\n')
    spec = FanoutSpec("types", JsonLines(str(path)), name_of_type, keep=("id",))
    run_strategy(STRATEGIES["serial"], spec, tmp_path / "results", Options(workers=1))
    found = read_results(tmp_path / "results")
    assert [None if pandas.isna(one) else one for one in found["id"]] == [1, *[None] * 4, 6]
    assert found["result"].tolist() == ["dict", "list", "str", "NoneType", "dict", "dict"]


def name_of_type(item):
    return type(item).__name__
