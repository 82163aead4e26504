"""The files of a folder or glob are items, listed once, in the order of their paths."""

import os
import pickle
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fanout_pipeline
from fanout_pipeline import (
    BadInput,
    FanoutSpec,
    Files,
    ItemFailed,
    Options,
    read_failures,
    read_results,
)
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.sources.provenance import require_unchanged
from fanout_pipeline_tests.chance import examples
from fanout_pipeline_tests.sources.reading import read

PAGE = Path(__file__).parents[2] / "docs" / "sources.md"


@pytest.fixture
def inbox(tmp_path):
    """Files of a few kinds at two depths."""
    for name in (
        "c.json",
        "a.json",
        "b.txt",
        "_SUCCESS",
        ".hidden.json",
        "deep/d.json",
        "deep/e.txt",
    ):
        path = tmp_path / "inbox" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(f"text of {name}\n")
    return tmp_path / "inbox"


def names(source):
    return [os.path.basename(item.path) for item in read(source)]


@pytest.mark.parametrize(
    ("pattern", "recursive", "expected"),
    [
        ("", False, ["a.json", "b.txt", "c.json"]),
        ("", True, ["a.json", "b.txt", "c.json", "d.json", "e.txt"]),
        ("*", False, ["a.json", "b.txt", "c.json"]),
        ("*.json", False, ["a.json", "c.json"]),
        ("**/*.json", True, ["a.json", "c.json", "d.json"]),
        ("**", True, ["a.json", "b.txt", "c.json", "d.json", "e.txt"]),
        ("*/*", False, ["d.json", "e.txt"]),
        ("_*", False, ["_SUCCESS"]),
        (".*", False, [".hidden.json"]),
        ("b.txt", False, ["b.txt"]),
    ],
)
def test_which_files(pattern, recursive, expected, inbox):
    """A folder, a glob or a file: what is hidden is asked for, and folders below only where it says so."""
    assert names(Files(str(inbox / pattern), recursive)) == expected


def test_double_stars_and_recursive_go_together(inbox):
    """Nobody searches one folder who meant all, or the other way round."""
    for source in (Files(f"{inbox}/**/*.json"), Files(f"{inbox}/*.json", recursive=True)):
        with pytest.raises(BadInput, match=r"\*\* and recursive=True go together\. Write "):
            source.version()


@pytest.mark.parametrize("pattern", ["none", "*.pdf", "empty"])
def test_an_input_without_files_is_told(pattern, inbox):
    """A pattern that nothing matches is most likely wrong."""
    (inbox / "empty").mkdir()
    with pytest.raises(BadInput, match=str(inbox / pattern).replace("*", r"\*")):
        Files(str(inbox / pattern)).version()


def test_a_handle_tells_and_reads(inbox):
    """What is known of a file, and its contents in bytes and text."""
    os.utime(inbox / "a.json", ns=(0, 1_700_000_000_123_456_789))
    [handle, *_] = read(Files(str(inbox / "*.json")))
    assert (handle.path, handle.name, handle.size) == (str(inbox / "a.json"), "a.json", 15)
    assert handle.modified == datetime(2023, 11, 14, 22, 13, 20, 123456, UTC)
    assert handle.read_bytes() == b"text of a.json\n"
    assert handle.read_text() == "text of a.json\n"
    with handle.open() as file:
        assert file.read(4) == b"text"
    with handle.open("r", encoding="ascii") as file:
        assert list(file) == ["text of a.json\n"]
    assert Path(handle) == inbox / "a.json"
    assert pickle.loads(pickle.dumps(handle)) == handle
    assert len({handle, pickle.loads(pickle.dumps(handle))}) == 1
    with pytest.raises(ValueError, match="only read"):
        handle.open("a")


def test_a_file_that_was_written_to_is_not_read(inbox):
    """Nobody computes on half of a file that something else writes."""
    [handle, *_] = read(Files(str(inbox / "*.json")))
    (inbox / "a.json").write_text("more than there was before")
    for operation in (handle.open, handle.read_bytes, handle.read_text):
        with pytest.raises(BadInput, match=r"a\.json was written to after the run had listed it\."):
            operation()


@settings(deadline=None, max_examples=examples(50))
@given(sizes=st.lists(st.integers(0, 10**6), min_size=1, max_size=60), wanted=st.integers(1, 20))
def test_chunks_have_about_as_many_bytes(sizes, wanted, tmp_path_factory):
    """However files are spread, chunks hold each once, in order, and none is larger than it must be."""
    folder = tmp_path_factory.mktemp("files")
    for number, size in enumerate(sizes):
        with open(folder / f"{number:03}", "wb") as file:
            file.truncate(size)
    source = Files(str(folder))
    chunks = source.chunks(wanted)
    assert [item.size for chunk in chunks for item in source.read(chunk)] == sizes
    assert len(chunks) <= wanted
    cost = 2**14
    share = (sum(sizes) + cost * len(sizes)) / wanted
    for chunk in chunks:
        assert chunk.size > 0
        whole = sum(size + cost for size in sizes[chunk.start : chunk.stop])
        assert whole < share + max(sizes) + 2 * cost


def test_the_listing_travels(inbox):
    """Once examined, a source reads what was listed, here and in a worker, without a look at the folder."""
    source = Files(str(inbox / "*.json"))
    version = source.examine()
    examined = pickle.loads(pickle.dumps(source.examined(version)))
    (inbox / "b.json").write_text("new")
    (inbox / "c.json").unlink()
    assert names(examined) == ["a.json", "c.json"]
    assert examined.version() == source.examined(version).version()
    assert examined.locate(1) == str(inbox / "c.json")
    assert names(source) == ["a.json", "b.json"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda inbox: (inbox / "b.json").write_text("x"),
            "was given a new file, {}/b.json, while",
        ),
        (lambda inbox: (inbox / "c.json").unlink(), "lost the file {}/c.json while"),
        (
            lambda inbox: (inbox / "c.json").write_text("x"),
            "changed ({}/c.json was written to) while",
        ),
        (lambda inbox: os.utime(inbox / "c.json"), "changed ({}/c.json was written to) while"),
    ],
)
def test_what_changed_is_told(change, told, inbox):
    """An input that changes while it is read ends the run, which names the file."""
    source = Files(str(inbox / "*.json"))
    before = source.version()
    require_unchanged(source, before)
    change(inbox)
    with pytest.raises(BadInput) as caught:
        require_unchanged(source, before)
    assert told.format(inbox) in str(caught.value)


def test_files_that_do_not_match_are_no_change(inbox):
    """A function may write beside its input."""
    source = Files(str(inbox / "*.json"))
    before = source.version()
    (inbox / "result.txt").write_text("x")
    assert source.version() == before


def test_the_same_files_elsewhere_are_the_same_version(inbox, tmp_path):
    """A data root that is moved, times kept, is no other input."""
    before = Files("inbox/*.json").under(tmp_path).version()
    (tmp_path / "moved").mkdir()
    inbox.rename(tmp_path / "moved" / "inbox")
    assert Files("inbox/*.json").under(tmp_path / "moved").version() == before


def test_links(inbox, tmp_path):
    """A link to a file is that file; one to nothing is an item that cannot be read, with its target told."""
    (tmp_path / "target").write_text("target")
    (inbox / "b.json").symlink_to(tmp_path / "target")
    (inbox / "bb.json").symlink_to("gone")
    (inbox / "bbb.json").symlink_to("deep")
    os.mkfifo(inbox / "pipe.json")
    source = Files(str(inbox / "*.json"))
    items = source.read(source.chunks(1)[0])
    assert [item.size for item in items.readable()] == [15, 6, 15]
    assert list(items.unreadable) == [2]
    message = str(items[2].at(source.locate(2)))
    assert f"{inbox}/bb.json is a link to {inbox}/gone, which is not there" in message


def test_columns(inbox):
    """What can be kept beside results: a row for each item, without values for one that cannot be read."""
    (inbox / "b.json").symlink_to("gone")
    os.utime(inbox / "a.json", ns=(0, 1_700_000_000_123_456_789))
    source = Files(str(inbox / "*.json"))
    table = source.read(source.chunks(1)[0]).as_arrow(["name", "size", "modified"])
    assert table.column_names == ["name", "size", "modified"]
    assert table["name"].to_pylist() == ["a.json", None, "c.json"]
    assert table["size"].to_pylist() == [15, None, 15]
    assert table["modified"][0].as_py() == datetime(2023, 11, 14, 22, 13, 20, 123456, UTC)
    source.require_columns(["path", "name", "size", "modified"])
    with pytest.raises(
        BadInput, match="Files have no column 'mtime', but path, name, size, modified"
    ):
        source.require_columns(["size", "mtime"])


def test_names_of_any_bytes(inbox):
    """A name need be neither UTF-8 nor printable, and messages stay so."""
    for name in (b"caf\xe9.json", b"two\nlines.json"):
        with open(os.path.join(os.fsencode(inbox), name), "wb") as file:
            file.write(b"x")
    source = Files(str(inbox / "*.json"))
    assert [item.size for item in pickle.loads(pickle.dumps(read(source)))] == [15, 15, 1, 1]
    assert all(source.locate(index).isprintable() for index in range(4))
    assert source.read(source.chunks(1)[0]).as_arrow()["name"].to_pylist()[2] == r"'caf\udce9.json'"


def length(handle):
    return len(handle.read_bytes())


def lengths(handles):
    return handles.map(length)


def removed_with(handle):
    """Remove the next file, of which another process has no further use."""
    Path(handle).with_name("c.json").unlink(missing_ok=True)
    return length(handle)


def run(function, inbox, folder, name="serial", **policy):
    spec = FanoutSpec("lengths", Files(str(inbox / "*.json")), function, lengths)
    options = Options(workers=2, **policy)
    return run_strategy(STRATEGIES[name], spec, folder, options, ledger=True, resume=True)


def test_a_broken_link_ends_a_run_or_fails_by_itself(inbox, tmp_path):
    """With quarantine a run goes on without a file that is not there."""
    (inbox / "b.json").symlink_to("gone")
    with pytest.raises(BadInput, match=r"b\.json is a link to .*gone, which is not there"):
        run(length, inbox, tmp_path / "results")
    run(length, inbox, tmp_path / "results", on_error="quarantine")
    assert read_results(tmp_path / "results")["result"].tolist() == [15, None, 15]
    [failed] = read_failures(tmp_path / "results").to_dict("records")
    assert (failed["index"], failed["where"]) == (1, str(inbox / "b.json"))


def test_an_error_of_the_function_names_the_file(inbox, tmp_path):
    """What it raises is its item's error, with the path."""
    with pytest.raises(ItemFailed, match=rf"item 0 \({inbox}/a\.json\), FileHandle\("):
        run(int, inbox, tmp_path / "results")


def test_a_file_that_is_removed_meanwhile_is_told(inbox, tmp_path):
    """Rather than that it could not be opened; and nothing is committed."""
    with pytest.raises(BadInput, match=r"lost the file .*/c\.json while it was read\. Nothing was"):
        run(removed_with, inbox, tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_files_are_listed_twice_a_run(inbox, tmp_path, monkeypatch):
    """When it begins and when it ends, however many parts there are."""
    looked, look = [], Files._look
    monkeypatch.setattr(Files, "_look", lambda source: looked.append(source) or look(source))
    for number in range(50):
        (inbox / f"{number}.json").write_text(str(number))
    spec = FanoutSpec("lengths", Files(str(inbox / "*.json")), length)
    options = Options(workers=2)
    target = tmp_path / "results"
    run_strategy(
        STRATEGIES["serial"], spec, target, replace(options, chunks=20), ledger=True, resume=True
    )
    assert len(read_results(target)) == 52
    assert len(looked) == 2


def test_the_examples_of_the_page_run(inbox):
    """What docs/sources.md shows can be pasted."""
    found = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    [files] = [code for code in found if "Files(" in code and "import" not in code]
    [lines] = [code for code in found if "JsonLines(" in code and "import" not in code]
    names = {name: getattr(fanout_pipeline, name) for name in fanout_pipeline.__all__}
    exec(files, names)  # as it is written for a module
    (inbox / "two.pdf").write_bytes(b"%PDF /Type /Page /Type /Page")
    [handle] = read(names["spec"].source.under(inbox.parent))
    assert names["pages"](handle) == 2
    exec(lines, names | {"amount": length})
