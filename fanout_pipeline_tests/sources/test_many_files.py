"""A folder or a glob of several files is one source: their lines, one file after the other."""

import glob
import os
import pickle
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fanout_pipeline import (
    BadInput,
    Chunk,
    FanoutSpec,
    IntegerLines,
    Options,
    TextLines,
    read_results,
)
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.sources import lines, many_files, one_file
from fanout_pipeline.sources.provenance import require_unchanged
from fanout_pipeline_tests.chance import examples
from fanout_pipeline_tests.sources.reading import items_of, read

MARK = "\ufeff".encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("several")


def write(folder, contents):
    for old in folder.iterdir():
        old.unlink()
    for number, content in enumerate(contents):
        (folder / f"{number:02d}.txt").write_bytes(content)


def in_lines(content):
    found = content.removeprefix(MARK).decode().split("\n")
    return [line.removesuffix("\r") for line in (found if found[-1] else found[:-1])]


@settings(deadline=None, max_examples=examples(300))
@given(
    contents=st.lists(
        st.lists(st.sampled_from([b"\n", b"a", b"\r\n", MARK]), max_size=9).map(b"".join),
        min_size=1,
        max_size=6,
    ),
    edges=st.sets(st.integers(0, 60)),
    block=st.integers(1, 9),
)
@example([b"a", b"b"], {1}, 1)
@example([b"", MARK, b"", b"a\r", MARK + b"b", b""], {0, 2, 3, 5}, 2)
@example([b"a\r\nb", b"\n", b"c"], {4, 5}, 3)
def test_the_items_are_those_of_file_after_file(folder, contents, edges, block):
    """However it is cut: no line is of two files, each is in one chunk, and where it stands is told."""
    write(folder, contents)
    source, size = TextLines(str(folder)), sum(map(len, contents))
    wanted = [
        (line, f"line {number} of {folder}/{file:02d}.txt")
        for file, content in enumerate(contents)
        for number, line in enumerate(in_lines(content), 1)
    ]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lines, "COUNT_BYTES", block)
        patched.setattr(one_file, "COUNT_BYTES", block)
        version = source.examine()
        assert (version.items, version.size) == (len(wanted), size)
        examined = pickle.loads(pickle.dumps(source.examined(version)))
        cut = sorted({0, size, *(edge for edge in edges if edge < size)})
        for one in (source, examined):
            found = []
            for start, stop in pairwise(cut):
                items = one.read(Chunk(0, start, stop))
                assert items.first_index == len(found)
                assert len(items) == len(list(items))
                for position in range(1, len(items)):
                    assert items_of(one, items.rest(position)) == list(items)[position:]
                found += items
            assert found == [line for line, _ in wanted]
        for index, (_, place) in enumerate(wanted):
            assert examined.locate(index) == place


def test_a_folder_of_one_file_is_that_file(folder, tmp_path):
    """The same items and the same hash: what was done with the file need not be done again."""
    write(folder, [MARK + b"1\n2\n3"])
    several, one = IntegerLines(str(folder)), IntegerLines(str(folder / "00.txt"))
    assert read(several, 2) == read(one, 2) == [1, 2, 3]
    assert several.examine().hash == one.examine().hash
    assert several.examine().items == one.examine().items == 3


def test_the_hash_depends_on_where_files_end(folder):
    """Bytes that move to the next file are another input: a line may have become two."""
    hashes = set()
    for contents in ([b"ab\n", b"c\n"], [b"a", b"b\nc\n"], [b"ab\nc\n"], [b"ab\nc\n", b""]):
        write(folder, contents)
        hashes.add(TextLines(str(folder)).examine().hash)
    assert len(hashes) == 4


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Files in folders, some of which are no data."""
    monkeypatch.chdir(tmp_path)
    for name in ("b.txt", "a.csv", "_SUCCESS", ".a.txt.crc", "day=1/x.txt", "day=2/y.txt",
                 "_temporary/z.txt", ".git/z.txt", "day=2/_tmp/z.txt", "we[ir]d*.txt",
                 "_key=1/w.txt", "_key=1/.hour=2/w.txt"):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{name}\n")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (
            ".",
            [
                "./_key=1/w.txt",
                "./a.csv",
                "./b.txt",
                "./day=1/x.txt",
                "./day=2/y.txt",
                "./we[ir]d*.txt",
            ],
        ),
        ("day=1", ["day=1/x.txt"]),
        ("day=*", ["day=1/x.txt", "day=2/y.txt"]),
        ("*/*.txt", ["_key=1/w.txt", "day=1/x.txt", "day=2/y.txt"]),
        ("**/*.txt", ["_key=1/w.txt", "b.txt", "day=1/x.txt", "day=2/y.txt", "we[ir]d*.txt"]),
        ("./**/[xy].txt", ["./day=1/x.txt", "./day=2/y.txt"]),
        ("day=?/_tmp/*", ["day=2/_tmp/z.txt"]),
        ("_*/*.txt", ["_key=1/w.txt", "_temporary/z.txt"]),
        ("_SUCCESS", ["_SUCCESS"]),
        ("we[ir]d*.txt", ["we[ir]d*.txt"]),
        ("day=[13]/../b.txt", ["day=1/../b.txt"]),
    ],
)
def test_which_files_are_read(tree, path, found):
    """Sorted by their paths; hidden ones only where they are asked for, and so those that begin with _, but
    for folders that are named for a column.
    """
    assert many_files.paths_of(path, "lines") == found
    assert [os.path.abspath(one) for one in many_files.paths_of(str(tree / path), "lines")] == [
        os.path.abspath(one) for one in found
    ]


def test_a_glob_means_what_it_means_in_python(tree):
    """But for names that begin with _, and for folders, whose files are read."""
    for pattern in ("*.txt", "*/*.txt", "**/*.txt", "day=[!1]/*", "*.[ct]*", "d*/*"):
        there = [
            path
            for path in glob.glob(pattern, recursive=True)
            if os.path.isfile(path) and "_tmp" not in path and path[:2] not in ("_S", "_t")
        ]
        assert many_files.paths_of(pattern, "lines") == sorted(there)


def test_links_to_folders_are_followed(tree):
    """As links to files are; one that leads to itself is told."""
    (tree / "day=1" / "more").symlink_to(tree / "day=2")
    assert many_files.paths_of("day=1", "lines") == ["day=1/more/y.txt", "day=1/x.txt"]
    (tree / "day=2" / "again").symlink_to(tree / "day=2")
    with pytest.raises(BadInput, match="Too many levels of symbolic links"):
        TextLines("day=2").version()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda folder: (folder / "01.txt").write_bytes(b"1\n22\n"),
         "changed ({0}/01.txt grew from 2 to 5 bytes) while"),
        (lambda folder: (folder / "00.txt").write_bytes(b"7\n"),
         "changed ({0}/00.txt was written to) while"),
        (lambda folder: (folder / "02.txt").write_bytes(b""),
         "was given a new file, {0}/02.txt, while"),
        (lambda folder: (folder / "00.txt").unlink(), "lost the file {0}/00.txt while"),
        (lambda folder: [path.unlink() for path in folder.iterdir()],
         "{0} is a folder without a file of lines"),
    ],
)  # fmt: skip
def test_which_file_has_changed_is_told(folder, change, told):
    """An input that changes while it is read ends the run, with the file's name."""
    write(folder, [b"1\n", b"2\n"])
    source = TextLines(str(folder))
    before = source.version()
    require_unchanged(source, before)
    os.utime(folder / "00.txt", ns=(0, before.size)) if "written to" in told else None
    before = source.version()
    change(folder)
    with pytest.raises(BadInput) as caught:
        require_unchanged(source, before)
    assert told.format(folder) in str(caught.value)


def test_files_that_are_written_meanwhile_are_not_read(folder):
    """An examined source goes on with the files that it was examined with."""
    write(folder, [b"1\n", b"3\n"])
    source = IntegerLines(str(folder))
    source = source.examined(source.examine())
    (folder / "00a.txt").write_bytes(b"2\n")
    assert [items_of(source, Chunk(0, n, n + 2)) for n in (0, 2)] == [[1], [3]]


def test_a_head_is_taken_from_all_files(folder, tmp_path):
    """File after file, again from the first where there are too few lines; marks are no items."""
    write(folder, [MARK + b"1\n2", b"", MARK + b"3\n"])
    for items in (1, 2, 3, 7):
        head = IntegerLines(str(folder)).head(items, tmp_path / "head.txt")
        assert read(head) == ([1, 2, 3] * 3)[:items]


def test_a_file_of_another_encoding_is_named(folder):
    """Which of the files it is, and how it is converted."""
    write(folder, [b"1\n", "2\n".encode("utf-16")])
    with pytest.raises(BadInput, match=r"01\.txt is UTF-16"):
        TextLines(str(folder)).examine()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["serial", "multiprocess", "vectorized"])
def test_a_run_over_many_files(folder, tmp_path, name):
    """Results are in the order of the files and of their lines, however many chunks there are."""
    write(folder, [b"".join(b"%d\n" % (10 * file + n) for n in range(10)) for file in range(20)])
    spec = FanoutSpec("all", IntegerLines(str(folder / "*.txt")), abs, list)
    options = Options(workers=2)
    run_strategy(STRATEGIES[name], spec, tmp_path / name, replace(options, chunks=7))
    assert read_results(tmp_path / name)["result"].tolist() == list(range(200))
