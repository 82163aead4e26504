"""What a dead run had finished is used if it is whole and of the same, and by one run only."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fanout_pipeline import read_results
from fanout_pipeline.results.files.atomic import CannotWrite
from fanout_pipeline.results.store.collector import PartCollector
from fanout_pipeline.results.store.failed_items import failed_items
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.store.ledger import (
    LEDGER,
    OLD_SECONDS,
    Finished,
    Identity,
    Ledger,
    append,
    begin,
    take_over,
)
from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline.results.store.manifest import Manifest
from fanout_pipeline.results.write import write_part
from fanout_pipeline_tests.results import layout

ROOT = Path(__file__).parents[2]
IDENTITY = Identity(
    {"the input": "a", "the function": ["f", 1]}, {"what is done with failed items": "fail"}
)


@pytest.fixture
def folder(tmp_path):
    return ResultFolder(tmp_path / "squares" / "threads")


@pytest.fixture
def left(folder):
    """A generation with three parts of two items each, whose run has ended without a commit."""
    with folder.writing() as generation:
        begin(generation, IDENTITY)
        parts = PartCollector(generation)
        for number in range(3):
            add(parts, generation, number)
    return generation


def add(parts, generation, number):
    """The part of [20 n, 20 n + 20) of the input: items 2 n and 2 n + 1."""
    part = write_part(generation, number, 2 * number, [2 * number, 2 * number + 1])
    parts.add(20 * number, 20 * number + 20, part)


def generations(folder):
    return {LocalGeneration(path) for path in layout.generations(folder.path)}


def taken(folder, identity=IDENTITY):
    """What a run that follows can reuse, and what it is told; it does not commit."""
    told = []
    with folder.writing(identity, told.append) as generation:
        ledger = Ledger.read(generation)
        finished = take_over(generation, ledger, identity) if ledger else ()
        return [one.part.first_index for one in finished], told, generation


def test_a_failed_run_leaves_what_it_had_finished(folder, left):
    """The parts of a run that fails are there for the next, which has them under its own name."""
    assert generations(folder) == {left}
    first, told, generation = taken(folder)
    assert (first, told) == ([0, 2, 4], [])
    assert generations(folder) == {generation}
    assert generation != left


def test_a_run_that_finished_nothing_leaves_nothing(folder):
    """There is nothing to clean up after a run that did not get to its first part."""
    with folder.writing() as generation:
        begin(generation, IDENTITY)
        write_part(generation, 0, 0, [1])
    assert generations(folder) == set()


def test_what_changed_is_named(folder, left):
    """Parts of another function or input are not reused, and the reader of the log is told why."""
    changed = {"the input": "b", "the function": ["f", 2]}
    first, told, _ = taken(folder, replace(IDENTITY, results=changed))
    assert first == []
    assert len(told) == 1
    assert told[0].startswith("starts afresh: the 3 finished chunks of the run that stopped at ")
    assert told[0].endswith(
        " are not reused, because the input and the function changed since then"
    )
    assert generations(folder) == set()


QUARANTINE = replace(IDENTITY, failures={"what is done with failed items": "quarantine"})


def test_a_part_without_failures_is_the_same_under_every_policy(folder, left):
    """What succeeded before the policy was changed is reused, and is of the new policy from then on."""
    assert taken(folder, QUARANTINE)[:2] == ([0, 2, 4], [])
    (generation,) = generations(folder)
    assert Ledger.read(generation).identity == QUARANTINE


@pytest.mark.parametrize("sound", [2, 0])
def test_a_part_with_failures_is_of_its_policy_alone(folder, sound):
    """Failed items that were told of under one policy are called again under another."""
    with folder.writing() as generation:
        begin(generation, QUARANTINE)
        for number in range(sound):
            add(PartCollector(generation), generation, number)
        with failed_items(generation, 5) as write:
            write(
                dict.fromkeys(("where", "item", "error_type", "message", "traceback"), "")
                | {"index": 2 * sound}
            )
        part = replace(write_part(generation, 5, 2 * sound, [None, 1]), failed=1)
        append(generation, Finished(20 * sound, 20 * sound + 20, part))
    every = [2 * number for number in range(sound + 1)]
    assert taken(folder, QUARANTINE)[:2] == (every, [])
    first, told, generation = taken(folder)
    assert first == every[:-1]
    assert {path.name for path in generation.path.glob("*-*")} == {
        f"part-{number:05d}.parquet" for number in range(sound)
    }
    if not sound:
        assert told[0].endswith(
            "not reused, because what is done with failed items changed since then"
        )


def test_a_run_that_does_not_resume_removes_what_is_left(folder, left):
    """Whoever wants to start afresh does, and the disk is not filled with what nobody wants."""
    with folder.writing() as generation:
        assert generations(folder) == {generation}
        assert Ledger.read(generation) is None


def test_what_is_over_a_week_old_is_not_reused(folder, left):
    """A service that the function asks answers otherwise by then."""
    pass_by(left, OLD_SECONDS + 60)
    stopped_at = Ledger.read(left).stopped_at
    first, told, _ = taken(folder)
    assert first == []
    assert f"stopped at {stopped_at} are not reused" in told[0]
    assert "they are more than 7 days old" in told[0]


def test_a_part_gets_old_however_often_it_is_taken_over(folder, left):
    """A run that dies again and again keeps no result for over a week; what it adds is as new as it is."""
    days = OLD_SECONDS / 7
    with folder.writing(IDENTITY) as generation:
        pass_by(generation, 6 * days)
        parts = PartCollector(generation, take_over(generation, Ledger.read(generation), IDENTITY))
        add(parts, generation, 3)
    assert taken(folder)[0] == [0, 2, 4, 6]
    (generation,) = generations(folder)
    pass_by(generation, 2 * days)
    first, _, generation = taken(folder)
    assert first == [6]
    assert [path.name for path in generation.path.glob("part-*")] == ["part-00003.parquet"]


def pass_by(generation, seconds):
    """Let a ledger be as it is after so many seconds, or before them."""
    ledger = Ledger.read(generation)
    begin(
        generation, ledger.identity, [replace(one, at=one.at - seconds) for one in ledger.finished]
    )


def test_a_clock_that_went_back_does_no_harm(folder, left):
    """Parts from the future are as good as others."""
    pass_by(left, -10 * OLD_SECONDS)
    assert taken(folder)[0] == [0, 2, 4]


def test_of_several_dead_runs_the_one_that_got_furthest_is_used(folder, left):
    """Two runs at once that both died leave one generation to go on with."""
    with folder.writing() as other:
        # As if it had begun before the first one died.
        begin(other, IDENTITY)
        add(PartCollector(other), other, 0)
        left.path.mkdir()
        for name in "part-00000.parquet", LEDGER:
            (left.path / name).write_bytes((other.path / name).read_bytes())
        (left.path / "_lock").touch()
        add(PartCollector(other), other, 1)
    assert len(generations(folder)) == 2
    first, _, generation = taken(folder)
    assert first == [0, 2]
    assert generations(folder) == {generation}


DAMAGES = {
    "lost": lambda path: path.unlink(),
    "torn": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "empty": lambda path: path.write_bytes(b""),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "one bit": lambda path: path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:]),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_part_is_made_anew(folder, left, damage):
    """After a power cut a part that did not reach the disk as it was is not taken for one."""
    DAMAGES[damage](left.path / "part-00001.parquet")
    first, _, generation = taken(folder)
    assert first == [0, 4]
    names = {path.name for path in generation.path.iterdir()}
    assert names == {"_lock", LEDGER, "part-00000.parquet", "part-00002.parquet"}


@given(cut=st.integers(0, 2000), junk=st.binary(max_size=30))
@example(
    cut=0, junk=b'\n5\n"x"\n[1]\n{"start": 0}\n{"start": 0, "stop": 9, "part": {"number": 1}}\n'
)
def test_any_beginning_of_a_ledger_can_be_read(tmp_path_factory, cut, junk):
    """A ledger that was cut off anywhere tells of the parts before that, whatever follows."""
    folder = tmp_path_factory.mktemp("ledger")
    path, folder = folder, LocalGeneration(folder)
    begin(folder, IDENTITY)
    parts = PartCollector(folder)
    for number in range(3):
        add(parts, folder, number)
    whole = Ledger.read(folder)
    data = (path / LEDGER).read_bytes()
    (path / LEDGER).write_bytes(data[: len(data) - cut] + junk)
    read = Ledger.read(folder)
    lines = (data[: len(data) - cut] + junk).count(b"\n")
    if cut == 0:
        assert read.finished == whole.finished
    if read is not None and read.identity == IDENTITY:
        assert set(read.finished) <= set(whole.finished)
        assert len(read.finished) >= min(lines - 1 - junk.count(b"\n"), 3)


def test_a_run_that_died_while_it_numbered_its_parts_is_resumed(folder):
    """Parts are known by what they hold: names that were being changed do not matter."""
    with folder.writing() as generation:
        begin(generation, IDENTITY)
        parts = PartCollector(generation)
        for number in (2, 0, 1):
            part = write_part(generation, 2 - number, 2 * number, [2 * number, 2 * number + 1])
            parts.add(20 * number, 20 * number + 20, part)
        names = [generation.path / f"part-{number:05d}.parquet" for number in range(3)]
        names[0].rename(names[0].with_name(f"_{names[2].name}"))
        names[2].rename(names[0])
    told = []
    with folder.writing(IDENTITY, told.append) as generation:
        finished = take_over(generation, Ledger.read(generation), IDENTITY)
        assert [one.part.first_index for one in finished] == [0, 2, 4]
        ordered = PartCollector(generation, finished).in_order()
        folder.commit(generation, Manifest("test", tuple(ordered)))
    assert read_results(folder.path)["result"].tolist() == list(range(6))
    assert {path.name for path in folder.path.iterdir()} == {
        "_manifest.json",
        *(p.name for p in names),
    }


def test_a_takeover_that_dies_loses_nothing(folder, left):
    """A run that dies before it has looked at what it took over leaves all to the next."""
    with folder.writing(IDENTITY) as generation:
        assert generation != left
    assert taken(folder)[0] == [0, 2, 4]


def test_results_of_failed_items_stay_with_their_part(folder):
    """A part whose failed items are not listed beside it is made anew."""
    with folder.writing() as generation:
        begin(generation, IDENTITY)
        part = write_part(generation, 0, 0, [1, None])
        record = json.loads(json.dumps(vars_of(part) | {"failed": 1}))
        append(generation, Finished(0, 9, type(part)(**record)))
    assert taken(folder)[0] == []


def vars_of(part):
    return {name: getattr(part, name) for name in part.__slots__}


def test_a_full_disk_is_an_error_that_names_the_ledger(tmp_path):
    """Where the ledger cannot be written the run ends with what to do."""
    command = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", tmp_path]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a file system cannot be mounted here")
    try:
        part = write_part(LocalGeneration(tmp_path), 0, 0, [1])  # takes the only page
        with pytest.raises(
            CannotWrite, match=r"_ledger.jsonl: No space left on device. The disk is"
        ):
            append(LocalGeneration(tmp_path), Finished(0, 9, part))
    finally:
        subprocess.run(["umount", tmp_path], check=True)


WRITER = """
import sys
from pathlib import Path
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.store.ledger import begin
from fanout_pipeline.results.store.collector import PartCollector
from fanout_pipeline_tests.results.store.test_ledger import IDENTITY, add
folder = ResultFolder(Path(sys.argv[1]))
with folder.writing(IDENTITY) as generation:
    begin(generation, IDENTITY)
    add(PartCollector(generation), generation, 0)
    print(generation, flush=True)
    sys.stdin.readline()
"""


def test_only_a_dead_run_is_resumed(folder):
    """As long as another process writes, its parts are its own; when it was killed they are the next's."""
    command = [sys.executable, "-c", WRITER, folder.path]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as writer:
        theirs = LocalGeneration(Path(writer.stdout.readline().strip()))
        assert taken(folder)[0] == []
        assert generations(folder) == {theirs}
        writer.kill()
        writer.wait()
    first, _, generation = taken(folder)
    assert first == [0]
    assert generations(folder) == {generation}


def test_parts_without_rows_are_told_apart(folder):
    """All items of two chunks have failed and are left out: their files are alike, and both are reused."""
    with folder.writing() as generation:
        begin(generation, IDENTITY)
        parts = PartCollector(generation)
        for number in range(2):
            with failed_items(generation, number) as list_failed:
                texts = dict.fromkeys(("where", "item", "error_type", "message", "traceback"), "x")
                list_failed({"index": number, **texts})
            part = write_part(generation, number, number, [], [0])
            parts.add(number, number + 1, replace(part, failed=1))
    assert taken(folder)[:2] == ([0, 1], [])
