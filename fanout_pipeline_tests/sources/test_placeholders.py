"""A source's path may name a partition, or its dimensions."""

import json
import os
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout_pipeline import BadInput, Csv, Files, JsonLines, Parquet, Source, Sql, TextLines
from fanout_pipeline.sources.memory import as_source
from fanout_pipeline.sources.url import Url
from fanout_pipeline_tests.sources.reading import read

PATHS = [
    "inbox/{partition}/*.txt",
    "inbox/{partition}",
    "inbox/{partition}.txt",
    "inbox/{partition}/one.txt",
    "inbox/{partition}/**",
]
KEYS = ["001", "2026-11-28", "a b", "[x]", "what?", "*", "de|at", "{partition}", "a/b", "x=1", "ü"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("key", KEYS)
def test_a_partition_has_the_input_that_is_named_for_it(tmp_path, path, key):
    """Whatever its key is made of, and whatever else lies beside it."""
    folder = path.startswith(("inbox/{partition}/",)) or path.endswith("}")
    for one in (*KEYS, "x", "w", "whatX", "2"):
        file = tmp_path / "inbox" / one
        file = file / "one.txt" if folder else file.with_name(file.name + ".txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{one}\n")
    source = TextLines(path).at(key).under(tmp_path)
    assert read(source) == [key]
    assert source.placeholders - {"partition"} == frozenset()
    recursive = path.endswith("**")
    files = Files(path, recursive=recursive).at(key).under(tmp_path)
    assert [one.read_text() for one in read(files)] == [f"{key}\n"]


def test_dimensions_have_places_of_their_own(tmp_path):
    """`{region}/{day}` beside the whole key; braces around anything else stay as they are."""
    source = Csv("{region}/{day}-{partition}-{other}-{}-{1}-{a b}.csv")
    assert source.placeholders == {"region", "day", "partition", "other"}
    dimensions = {"region": "de", "day": "001"}
    assert source.at("001|de", dimensions).path == "de/001-001|de-{other}-{}-{1}-{a b}.csv"
    whole = TextLines("{3f25}/{no name}.txt")
    assert whole.placeholders == frozenset()
    assert whole.at("2026-11-28") == whole
    file = tmp_path / "{3f25}" / "{no name}.txt"
    file.parent.mkdir()
    file.write_text("1\n")
    assert read(whole.under(tmp_path)) == ["1"]


@pytest.mark.parametrize("key", ["", ".", "..", "/etc", "a/", "a//b", "../b", "a/../../b", "a\0b"])
@pytest.mark.parametrize("path", ["inbox/{partition}/*.txt", "{partition}", "x{partition}/{day}"])
def test_a_key_that_would_lead_elsewhere_is_refused(path, key):
    """It is named. Whoever may add a partition need not be trusted with the whole disk."""
    if path.startswith("x") and key == ".":
        return  # x. is a name.
    with pytest.raises(BadInput) as caught:
        TextLines(path).at(key, {"day": "1"})
    assert repr(key) in str(caught.value)
    with pytest.raises(BadInput, match=r"partition key '\.' cannot"):
        TextLines("in/{one}{two}/x").at("|", {"one": ".", "two": "."})


@given(
    key=st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.text("./*?[]{}x", max_size=8),
    path=st.sampled_from(["in/{partition}/x", "in/{partition}", "in/*{partition}/*.csv"]),
)
def test_no_key_leads_out_of_its_folder(key, path):
    """Either it is refused, or the path stays in the folder, and two keys never share one."""
    try:
        found = TextLines(path).at(key).path
    except BadInput:
        return
    assert os.path.normpath(found) == found
    assert found.startswith("in/")
    plain = found.replace("[*]", "*").replace("[?]", "?").replace("[[]", "[")
    assert plain == path.replace("{partition}", key)


def test_a_url_names_a_partition_too():
    """In a web address a key is quoted; no key makes a URL of a path."""
    assert TextLines("s3://bucket/{partition}/*.txt").at("a*").path == "s3://bucket/a[*]/*.txt"
    assert TextLines("s3://bucket/{partition}.txt").at("a?").path == "s3://bucket/a[?].txt"
    web = TextLines("https://example.org/{partition}.txt?day={partition}").at("a&b?c d")
    assert web.path.whole == "https://example.org/a%26b%3Fc%20d.txt?day=a%26b%3Fc%20d"
    assert isinstance(web.path, Url)
    with pytest.raises(BadInput, match="a URL"):
        TextLines("{partition}").at("simplecache::x")


@dataclass(frozen=True)
class Rows(Source):
    """A source without a path."""

    rows: tuple

    def version(self):
        raise NotImplementedError

    def read(self, chunk):
        raise NotImplementedError


@pytest.mark.parametrize(
    "source", [Sql("SELECT 1", "env:URL"), Rows(()), as_source([1]), as_source(iter([1]))]
)
def test_without_a_path_a_function_of_the_key_is_asked_for(source):
    """A query takes its partition in its text."""
    assert source.placeholders == frozenset()
    with pytest.raises(TypeError, match=r"Give a function that takes the key and returns the sour"):
        source.at("2026-11-28")


def test_what_else_a_source_is_told_stays(tmp_path):
    """Columns, types and filters; a key is text, whatever it looks like."""
    source = Parquet("day={partition}", columns=["a"], filter=[("a", ">", 0)])
    assert source.at("001") == Parquet("day=001", columns=["a"], filter=[("a", ">", 0)])
    with pytest.raises(BadInput, match=r"1 is of type int: give text"):
        JsonLines("{partition}.jsonl").at(1)
    (tmp_path / "001.jsonl").write_text(json.dumps({"day": "001"}) + "\n")
    assert read(JsonLines("{partition}.jsonl").at("001").under(tmp_path)) == [{"day": "001"}]
