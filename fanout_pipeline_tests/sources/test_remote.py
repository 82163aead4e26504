"""Inputs with a scheme are read through fsspec as local ones are, and nothing secret of a URL is shown."""

import json
import pickle
import sys
from pathlib import Path

import fsspec
import pytest

from fanout_pipeline import (
    BadInput,
    FanoutSpec,
    Files,
    IntegerLines,
    JsonLines,
    Options,
    TextLines,
    read_results,
)
from fanout_pipeline.engine.functions.identity import Basis, identity_of
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.sources.provenance import require_unchanged
from fanout_pipeline_tests.contract.functions import adapters, returning
from fanout_pipeline_tests.contract.runs import given_to
from fanout_pipeline_tests.sources.reading import read
from fanout_pipeline_tests.sources.web_server import web_server

COUNT = 200_000


@pytest.fixture
def server():
    with web_server() as found:
        found.files["/numbers.txt"] = b"".join(b"%d\n" % number for number in range(COUNT))
        yield found


@pytest.fixture
def folder(tmp_path):
    """Text files of which some are left out, at two depths."""
    for name in (
        "a.txt",
        "b.txt",
        "deep/c.txt",
        "_SUCCESS",
        ".hidden",
        "_day=1/d.txt",
        "_temporary/e.txt",
    ):
        path = tmp_path / "in" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(f"first of {name}\nsecond of {name}\n")
    return tmp_path / "in"


@pytest.mark.parametrize("pattern", ["", "/a.txt", "/*.txt", "/**/*.txt", "/_S*"])
@pytest.mark.parametrize("chunks", [1, 7])
def test_lines_are_those_of_the_local_road(folder, pattern, chunks):
    """A file, a folder or a glob of a URL: the same lines at the same places."""
    local, remote = TextLines(f"{folder}{pattern}"), TextLines(f"file://{folder}{pattern}")
    assert read(remote, chunks) == read(local, chunks)
    version = remote.examine()
    assert (version.hash, version.items) == (local.examine().hash, len(read(local)))
    examined = pickle.loads(pickle.dumps(remote.examined(version)))
    for index in range(version.items):
        assert examined.locate(index) == local.locate(index).replace("of /", "of file:///")
    for chunk in examined.chunks(chunks):
        assert examined.read(chunk).first_index == local.read(chunk).first_index


@pytest.mark.parametrize(
    ("pattern", "recursive"), [("", False), ("", True), ("/*.txt", False), ("/**/*.txt", True)]
)
def test_files_are_those_of_the_local_road(folder, pattern, recursive):
    """Handles of a URL open what it names, and tell its size and time."""
    local = read(Files(f"{folder}{pattern}", recursive))
    remote = read(Files(f"file://{folder}{pattern}", recursive))
    assert [one.path for one in remote] == [f"file://{one.path}" for one in local]
    for one, other in zip(remote, local, strict=True):
        assert (one.name, one.size, one.read_bytes()) == (
            other.name,
            other.size,
            other.read_bytes(),
        )
        assert one.read_text() == other.read_text()
        assert abs(one.modified_ns - other.modified_ns) < 2000
    Path(local[0].path).write_text("more than there was before")
    with pytest.raises(BadInput, match="written to after the run had listed it"):
        remote[0].open()


def test_a_url_is_under_no_root(folder, tmp_path):
    """The data root is for paths."""
    for kind in (TextLines, Files):
        source = kind(f"file://{folder}")
        assert source.under(tmp_path / "elsewhere") == source


def test_lines_of_a_web_server(server):
    """Only ranges are asked for, but for one pass that counts the lines."""
    source = IntegerLines(f"{server.url}/numbers.txt")
    source = source.examined(source.examine())
    server.asked.clear()
    chunk = source.chunks(10)[7]
    items = source.read(chunk)
    assert list(items) == list(range(items[0], items[-1] + 1))
    ranges = [asked.removeprefix("bytes=").split("-") for _, _, asked in server.asked if asked]
    fetched = sum(int(last) - int(first) + 1 for first, last in ranges)
    assert chunk.size < fetched < chunk.size + 4 * 2**16
    assert read(source, 10) == list(range(COUNT))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["serial", "threads", "multiprocess", "asyncio", "vectorized"])
def test_strategies_read_from_a_web_server(name, server, tmp_path):
    """Each worker reads its own ranges from the server."""
    spec = FanoutSpec(
        "numbers",
        IntegerLines(f"{server.url}/numbers.txt"),
        given_to(name, returning.same),
        adapters.Batch(returning.same),
    )
    options = Options(workers=2)
    record = run_strategy(STRATEGIES[name], spec, tmp_path / "results", options)
    assert record.items == COUNT
    assert read_results(tmp_path / "results")["result"].tolist() == list(range(COUNT))


def test_what_changes_is_noticed(server):
    """By what the server says of a file, where it says anything."""
    source = IntegerLines(f"{server.url}/numbers.txt")
    before = source.version()
    require_unchanged(source, before)
    server.files["/numbers.txt"] = server.files["/numbers.txt"].replace(b"\n1\n", b"\n9\n")
    with pytest.raises(BadInput, match=r"/numbers\.txt was written to while it was read"):
        require_unchanged(source, before)
    server.files.clear()
    with pytest.raises(BadInput, match=r"Cannot read .*/numbers\.txt: No such file \(404"):
        require_unchanged(source, before)


@pytest.mark.parametrize("kind", [TextLines, JsonLines, Files])
@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("{server}/none.txt", "Cannot read {server}/none.txt: No such file (404"),
        (
            "http://127.0.0.1:9/a.txt",
            "Cannot read http://127.0.0.1:9/a.txt: No such file (Cannot connect to host 127.0.0.1:9",
        ),
        ("nothing://a.txt", "Cannot read nothing://a.txt: Protocol not known: nothing. Check"),
        ("file://{folder}/none.txt", "Cannot read file://{folder}/none.txt: No such file. Correct"),
        ("file://{folder}/*.pdf", "There is no file in file://{folder}/*.pdf (names that begin"),
    ],
)
def test_what_cannot_be_read_is_told(kind, url, told, server, folder):
    """Every way to be absent ends at once, with the URL and what to do."""
    places = {"server": server.url, "folder": folder}
    with pytest.raises(BadInput) as caught:
        kind(url.format(**places)).version()
    assert told.format(**places) in str(caught.value)


def test_a_server_without_ranges_is_told(server):
    """Rather than that the whole file is fetched for each chunk."""
    server.ranges = False
    with pytest.raises(
        BadInput, match="cannot be read in parts: its server knows no range requests"
    ):
        read(TextLines(f"{server.url}/numbers.txt"), 3)


def test_a_missing_library_is_named(monkeypatch):
    """Who has not installed what a URL takes learns its name."""
    with pytest.raises(BadInput, match=r"a\.txt: .*s3fs.*\. Install what fsspec needs"):
        TextLines("s3://bucket/a.txt").version()
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(BadInput, match=r"takes fsspec\. Install .* fanout_pipeline\[remote\]"):
        TextLines("s3://bucket/a.txt").version()


SECRET = "hunter2"


@pytest.mark.parametrize("kind", [TextLines, JsonLines, Files])
@pytest.mark.parametrize(
    "url", ["http://me:{}@127.0.0.1:9/a.txt", "http://127.0.0.1:9/a.txt?sig={}"]
)
def test_secrets_of_a_url_are_not_shown(kind, url):
    """Neither in messages nor in any text about a source or its run, though they are used."""
    source = kind(url.format(SECRET))
    with pytest.raises(BadInput) as caught:
        source.version()
    spec = FanoutSpec("a", source, returning.same)
    shown = "http://127.0.0.1:9/a.txt"
    for text in (caught.value, source, repr(source), spec, f"{source.path}"):
        assert SECRET not in str(text)
        assert shown in str(text)
    assert caught.value.__cause__ is None
    assert pickle.loads(pickle.dumps(source)).path.whole == url.format(SECRET)


def test_secrets_of_a_url_are_not_kept(server):
    """A run with them reads the file, and what is recorded of it has none."""
    source = TextLines(f"{server.url}/numbers.txt?sig={SECRET}")
    assert len(read(source, 3)) == COUNT
    assert all(SECRET in path for _, path, _ in server.asked)
    spec, strategy = FanoutSpec("a", source, returning.same), STRATEGIES["serial"]
    basis = Basis.of(spec)
    identity = identity_of(strategy, spec, basis, Options(workers=1))
    assert SECRET not in json.dumps([basis.input.token, str(basis), str(identity)])
    assert source.examined(basis.input).locate(7) == f"line 8 of {server.url}/numbers.txt"


def test_memory():
    """Any file system of fsspec's will do."""
    fsspec.filesystem("memory").pipe("/folder/a.jsonl", b'{"a": 1}\n[2]\n')
    assert read(JsonLines("memory://folder/*.jsonl"), 2) == [{"a": 1}, [2]]
    [handle] = read(Files("memory://folder/*.jsonl"))
    assert handle.read_text() == '{"a": 1}\n[2]\n'


def test_a_local_path_needs_no_fsspec(folder, monkeypatch):
    """Who reads files of a disk pays for nothing else."""
    monkeypatch.setitem(sys.modules, "fsspec", None)
    monkeypatch.setitem(sys.modules, "fanout_pipeline.sources.remote", None)
    assert len(read(TextLines(str(folder)))) == 8
    assert len(read(Files(str(folder)))) == 2
