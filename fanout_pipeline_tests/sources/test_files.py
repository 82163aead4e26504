"""What stands where an input file should be is told, with what to do, whatever it is."""

import os
import socket
from dataclasses import replace

import pytest

from fanout_pipeline import FanoutSpec, IntegerLines, Options, TextLines
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.scattered.scattered import ScatteredRun
from fanout_pipeline.sources.source import BadInput, Chunk
from fanout_pipeline_tests.contract.functions import adapters, returning
from fanout_pipeline_tests.contract.runs import given_to
from fanout_pipeline_tests.sources.reading import read


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A data root with one of each kind."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("1\n")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")  # relative: the path of a socket is short
    (tmp_path / "device").symlink_to("/dev/null")
    (tmp_path / "broken").symlink_to("gone/away.txt")
    (tmp_path / "loop").symlink_to("loop")
    return tmp_path


KINDS = [
    ("folder", "{root}/folder is a folder without a file of lines (names that begin with _ or ."),
    ("folder/", "{root}/folder is a folder without a file of lines"),
    (".", "{root}/broken: it is a link to {root}/gone/away.txt, which is not there. Correct"),
    ("*.txt", "No file matches {root}/*.txt. Correct the pattern, or put a file of lines there."),
    ("p*", "{root}/pipe is a pipe, not a file of lines: "),
    ("pipe", "{root}/pipe is a pipe, not a file of lines: "),
    ("socket", "{root}/socket is a socket, not a file of lines: "),
    ("device", "{root}/device is a device, not a file of lines: "),
    ("broken", "{root}/broken: it is a link to {root}/gone/away.txt, which is not there. Correct"),
    ("loop", "{root}/loop: Too many levels of symbolic links. Check the disk and the path."),
    ("none.txt", "{root}/none.txt: No such file in the folder {root}. Materialize the asset"),
    ("new/none.txt", "No such file, for there is no folder {root}/new. Materialize"),
    ("file/none.txt", "No such file, for {root}/file is no folder. Materialize"),
]
every_kind = pytest.mark.parametrize(("path", "told"), KINDS, ids=[path for path, _ in KINDS])


@every_kind
@pytest.mark.timeout(120)
def test_what_is_no_file_is_told(path, told, root):
    """By every way in: nothing waits for a pipe, and nobody is advised to remove a folder."""
    source = TextLines(path).under(root)
    for operation in (
        source.version,
        source.examine,
        lambda: source.chunks(2),
        lambda: source.head(1, root / "head.txt"),
    ):
        with pytest.raises(BadInput) as caught:
            operation()
        message = str(caught.value)
        assert told.format(root=root) in message
        assert "Remove" not in message


@every_kind
@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_tells_it_before_it_begins(name, path, told, root):
    """Nothing is started or written for an input that cannot be read."""
    spec = FanoutSpec("texts", TextLines(path).under(root), given_to(name, returning.same))
    spec = replace(spec, batch_function=adapters.Batch(returning.same))
    with pytest.raises(BadInput) as caught:
        run_strategy(STRATEGIES[name], spec, root / "out" / name, Options(workers=2))
    assert told.format(root=root) in str(caught.value)
    with pytest.raises(BadInput):
        ScatteredRun.join("steps", spec, root / "out" / name, Options(workers=2), "a run")
    assert not (root / "out").exists()


def test_the_data_root_is_told(root, monkeypatch):
    """In an asset: where the input was looked for, and what FANOUT_DATA says. Nobody else has a data root."""
    for path in ("none.txt", "none/*.txt", "none-*.txt"):
        source = IntegerLines(path).under(root)
        monkeypatch.setenv("FANOUT_DATA", "elsewhere")
        with pytest.raises(BadInput, match=rf"{root}, which .*FANOUT_DATA, which is 'elsewhere'"):
            source.read(Chunk(0, 0, 5))
        monkeypatch.delenv("FANOUT_DATA")
        with pytest.raises(BadInput, match=rf"{root}.*FANOUT_DATA, which is not set"):
            source.read(Chunk(0, 0, 5))
        for elsewhere in (IntegerLines(path), IntegerLines(str(root / path))):
            with pytest.raises(BadInput) as caught:
                elsewhere.read(Chunk(0, 0, 5))
            assert "FANOUT_DATA" not in str(caught.value)


def test_a_path_may_end_in_a_slash_or_be_a_link(root):
    """What leads to a file is read as it."""
    (root / "link").symlink_to("file")
    for path in ("file/", "link", "folder/../file", "./file"):
        source = TextLines(path).under(root)
        assert read(source) == ["1"]
