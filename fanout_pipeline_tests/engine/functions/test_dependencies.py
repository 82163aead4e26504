"""What a function reads beside its items: any change of it is seen, and only changes are."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanout_pipeline import FanoutSpec, TextLines
from fanout_pipeline.engine.functions.dependencies import content_hashes, stamps
from fanout_pipeline.sources.source import BadInput
from fanout_pipeline_tests.chance import examples

NAMES = st.sampled_from(["a", "b", "c.json", "ä\udcff"])
TREES = st.recursive(
    st.binary(max_size=3),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


def write(tree, path):
    if isinstance(tree, bytes):
        path.write_bytes(tree)
        return
    path.mkdir()
    for name, inner in tree.items():
        write(inner, path / name)


@settings(deadline=None, max_examples=examples(60))
@given(one=TREES, other=TREES)
def test_two_folders_are_the_same_if_their_names_and_contents_are(tmp_path_factory, one, other):
    """Whatever is in them: other names, contents or places give another hash, nothing else does."""
    root = tmp_path_factory.mktemp("trees")
    write(one, root / "one")
    write(other, root / "other")
    (here,), (there,) = (content_hashes([root / name]).values() for name in ("one", "other"))
    assert (here == there) == (one == other)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tables" / "eu").mkdir(parents=True)
    (tmp_path / "tables" / "eu" / "rates.json").write_text("1")
    (tmp_path / "elsewhere.json").write_text("7")
    (tmp_path / "tables" / "linked.json").symlink_to("../elsewhere.json")
    (tmp_path / "tables" / "around").symlink_to("..")
    (tmp_path / "tables" / "nothing").symlink_to("nowhere")
    os.mkfifo(tmp_path / "tables" / "fifo")
    return tmp_path


CHANGES = {
    "a file": lambda folder: (folder / "tables" / "eu" / "rates.json").write_text("2"),
    "what a link points to": lambda folder: (folder / "elsewhere.json").write_text("8"),
    "a new file": lambda folder: (folder / "tables" / "new").touch(),
    "a new folder": lambda folder: (folder / "tables" / "new").mkdir(),
    "a file less": lambda folder: (folder / "tables" / "eu" / "rates.json").unlink(),
    "another name": lambda folder: (folder / "tables" / "eu").rename(folder / "tables" / "us"),
    "a link to nothing that is there now": lambda folder: (
        folder / "tables" / "nowhere"
    ).write_text(""),
}


@pytest.mark.parametrize("look", [content_hashes, stamps])
@pytest.mark.parametrize("what", CHANGES)
def test_any_change_in_a_folder_is_seen(folder, what, look):
    """Reading it through shows the change, and so does a look at it."""
    before = look(["tables", "elsewhere.json"])
    assert look(["tables", "elsewhere.json"]) == before
    CHANGES[what](folder)
    changed = {
        name for name, now in look(["tables", "elsewhere.json"]).items() if now != before[name]
    }
    assert changed == {"tables"} | (
        {"elsewhere.json"} if what == "what a link points to" else set()
    )


@pytest.mark.parametrize("look", [content_hashes, stamps])
def test_what_python_writes_as_it_imports_is_no_change(folder, look):
    """A folder of modules stays what it is when they are imported."""
    before = look(["tables"])
    (folder / "tables" / "eu" / "__pycache__").mkdir()
    (folder / "tables" / "eu" / "__pycache__" / "x.pyc").touch()
    assert look(["tables"]) == before


def test_a_file_that_is_written_anew_with_the_same_contents_holds_the_same(folder):
    """Results may be reused; but a run that works just then ends, for it may have read half of it."""
    before, at_first = content_hashes(["elsewhere.json"]), stamps(["elsewhere.json"])
    (folder / "new").write_text("7")
    (folder / "new").rename(folder / "elsewhere.json")
    assert content_hashes(["elsewhere.json"]) == before
    assert stamps(["elsewhere.json"]) != at_first


def test_a_variable_of_the_environment(monkeypatch):
    """Its value is not kept, nor a hash that is quick to compare guesses with; not being set is a value."""
    monkeypatch.setenv("RATES_KEY", "secret")
    (first,) = content_hashes(["env:RATES_KEY"]).values()
    assert "secret" not in first
    monkeypatch.setenv("RATES_KEY", "another")
    (second,) = content_hashes(["env:RATES_KEY"]).values()
    monkeypatch.delenv("RATES_KEY")
    (third,) = content_hashes(["env:RATES_KEY"]).values()
    monkeypatch.setenv("RATES_KEY", "")
    (fourth,) = content_hashes(["env:RATES_KEY"]).values()
    assert len({first, second, third, fourth}) == 4


def test_a_package_stands_for_its_version():
    """It is named as pip names it."""
    assert content_hashes(["package:pytest"]) == {"package:pytest": pytest.__version__}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rates.json", "depends_on names rates.json in {}, the working directory; rates.json"),
        (Path("/nowhere/rates.json"), "depends_on names /nowhere/rates.json; /nowhere/rates.json"),
        ("package:no-such-one", "depends_on names package:no-such-one, and no such package"),
    ],
)
def test_what_is_not_there_is_named(tmp_path, monkeypatch, name, message):
    """With where it was looked for: a path is taken as the function's own `open` takes it."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput) as raised:
        content_hashes([name])
    assert str(raised.value).startswith(message.format(tmp_path))


def test_one_name_is_no_tuple_of_names():
    """`depends_on="rates.json"` is refused, with what to write in its place."""
    with pytest.raises(TypeError, match=r"write depends_on=\('rates.json',\)"):
        FanoutSpec("lines", TextLines("lines.txt"), len, depends_on="rates.json")
