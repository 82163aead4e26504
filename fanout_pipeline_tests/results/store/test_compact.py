"""Results become visible in few files, whoever dies meanwhile, and nothing is paid for twice."""

import os
import shutil
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from fanout_pipeline import read_failures, read_results
from fanout_pipeline.results.store import compact
from fanout_pipeline.results.store.compact import planned
from fanout_pipeline.results.store.failed_items import failed_items
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.store.ledger import (
    Finished,
    Identity,
    Ledger,
    append,
    begin,
    take_over,
)
from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline.results.store.manifest import Manifest, NoResults, PartRecord
from fanout_pipeline.results.write import write_part
from fanout_pipeline_tests.chance import examples

IDENTITY = Identity({"the function": "f"})
COUNT = 40


@pytest.fixture
def folder(tmp_path):
    return ResultFolder(tmp_path / "squares" / "threads")


def record(number, first, rows, size=100):
    return PartRecord(number, first, rows, "0" * 16, "int64", 0, size, "", 1)


def written(generation, blocks, failed=()):
    """A part for each block of results, all in the ledger; in those that are named the first item has failed."""
    begin(generation, IDENTITY)
    parts, first = [], 0
    for number, block in enumerate(blocks):
        part = write_part(generation, number, first, block)
        if number in failed:
            with failed_items(generation, number) as add:
                texts = dict.fromkeys(("where", "item", "error_type", "message", "traceback"), "x")
                add({"index": first, **texts})
            part = replace(part, failed=1)
        append(generation, Finished(first, first + len(block), part))
        parts.append(part)
        first += len(block)
    return Manifest("threads", tuple(parts))


def files(folder):
    return sorted(path.name for path in folder.path.iterdir())


def test_many_small_parts_become_one(folder):
    """The files of a slow run are as few as those of a fast one; what the manifest counts is as before."""
    blocks = [[n, n + 1] for n in range(0, 2 * COUNT, 2)]
    with folder.writing() as generation:
        before = written(generation, blocks, failed=(3, 7))
        after = folder.commit(generation, before)
    assert after == folder.manifest()
    assert len(after.parts) == 1
    for name in ("items", "rows", "failed", "digest", "kind"):
        assert getattr(after, name) == getattr(before, name)
    assert files(folder) == ["_failures.parquet", "_manifest.json", "part-00000.parquet"]
    assert read_results(folder.path)["result"].tolist() == list(range(2 * COUNT))
    assert read_failures(folder.path)["index"].tolist() == [6, 14]


def test_a_large_part_is_not_written_again(folder):
    """It is the same file under its new name; only what is small around it is merged."""
    large = list(range(25_000))
    blocks = [[0]] * 20 + [large] + [[1]] * 20
    with folder.writing() as generation:
        manifest = written(generation, blocks)
        before = os.stat(generation.path / "part-00020.parquet").st_ino
        after = folder.commit(generation, manifest)
    assert [part.items for part in after.parts] == [20, 25_000, 20]
    assert os.stat(folder.path / "part-00001.parquet").st_ino == before
    assert read_results(folder.path)["index"].tolist() == list(range(25_040))


def test_few_parts_are_left_alone(folder):
    """A short run writes nothing twice."""
    with folder.writing() as generation:
        manifest = written(generation, [[n] for n in range(16)])
        assert folder.commit(generation, manifest) == manifest


def test_a_part_of_another_schema_is_written_again(folder):
    """However large it is, and however few parts there are: the files agree."""
    with folder.writing() as generation:
        manifest = written(generation, [[1], [2**70], [None]])
        after = folder.commit(generation, manifest)
    assert [part.kind for part in after.parts] == ["integer text"] * 3
    assert after.digest == manifest.digest
    assert read_results(folder.path)["result"].tolist() == [1, 2**70, None]


@settings(deadline=None, max_examples=examples(200))
@given(
    parts=st.lists(
        st.tuples(
            st.sampled_from([0, 1, 2, 19_999, 20_000, 300_000]),
            st.sampled_from([100, 4 * 2**20 - 1, 4 * 2**20, 2**26]),
        ),
        max_size=120,
    )
)
def test_the_plan_keeps_order_and_bounds(parts):
    """Each part is in one group, in order; a group is one part, or small ones of at most a useful size."""
    records, first = [], 0
    for number, (rows, size) in enumerate(parts):
        records.append(record(number, first, rows, size))
        first += rows
    groups = planned(Manifest("threads", tuple(records)))
    assert [part for group in groups for part in group] == records
    assert len(groups) in range(len(records) // 2 + 1) or all(len(group) == 1 for group in groups)
    for group in groups:
        if len(group) > 1:
            assert len(records) > 16
            assert all(part.rows < 20_000 and part.bytes < 4 * 2**20 for part in group)
            assert sum(part.rows for part in group) <= 1_000_000
            assert sum(part.bytes for part in group) <= 64 * 2**20


class Killed(BaseException):
    """The process ends here."""


STEPS = ("rename", "writing", "remove")


@pytest.mark.parametrize("failed", [(), (1, 8, 15)], ids=["all succeeded", "some failed"])
def test_a_kill_at_any_moment_of_the_commit(folder, monkeypatch, failed):
    """The earlier results are visible or the new ones, whole; and the next run calls nothing again."""
    blocks = [[n] for n in range(8)] + [list(range(20_000))] + [[n] for n in range(8)]
    moments, step = 0, 0
    while True:
        with folder.writing() as generation:
            folder.commit(generation, Manifest("threads", (write_part(generation, 0, 0, [-1]),)))
        earlier = folder.path.resolve()
        generation = LocalGeneration(earlier.parent / "dead")
        generation.path.mkdir()
        manifest = written(generation, blocks, failed)
        with monkeypatch.context() as patch:
            interrupted_at(patch, step)
            try:
                folder.commit(generation, manifest)
            except Killed:
                moments += 1
            else:
                break
        expected = [value for block in blocks for value in block]
        if folder.path.resolve() == earlier:
            assert read_results(folder.path)["result"].tolist() == [-1]
            finished = take_over(generation, Ledger.read(generation), IDENTITY)
            assert len(finished) == len(blocks)
        else:
            assert read_results(folder.path)["result"].tolist() == expected
        step += 1
        shutil.rmtree(generation.path, ignore_errors=folder.path.resolve() != earlier)
    assert moments > len(blocks)
    assert len(folder.manifest().parts) == 3


def interrupted_at(patch, step):
    """Let the n-th change to a generation's files be the last, done or not."""
    calls = []
    for name in STEPS:
        real = getattr(LocalGeneration, name)

        def stopping(self, *arguments, real=real, name=name, **options):
            calls.append(f"{name} {arguments[0]}")
            if len(calls) == step + 1:
                if step % 2 and name == "rename":
                    real(self, *arguments, **options)
                raise Killed
            return real(self, *arguments, **options)

        patch.setattr(LocalGeneration, name, stopping)


def test_a_damaged_part_is_not_laundered(folder):
    """What the disk has changed since it was written ends the commit; it gets no new checksum."""
    with folder.writing() as generation:
        manifest = written(generation, [[n] for n in range(20)])
        path = generation.path / "part-00011.parquet"
        path.write_bytes(path.read_bytes().replace(b"PAR1", b"PAR2", 1))
        with pytest.raises(NoResults, match=r"part-00011\.parquet is damaged"):
            folder.commit(generation, manifest)
    assert not folder.path.exists()


def test_row_groups_are_of_a_useful_size(folder, monkeypatch):
    """Merged parts have large row groups, however small the parts were, and no more in memory than that."""
    monkeypatch.setattr(compact, "_GROUP_BYTES", 200_000)
    with folder.writing() as generation:
        manifest = written(generation, [list(range(1000))] * 40)
        folder.commit(generation, manifest)
    groups = parquet.ParquetFile(folder.path / "part-00000.parquet").metadata.num_row_groups
    assert 2 <= groups <= 5
