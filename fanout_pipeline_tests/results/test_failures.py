"""The list of failed items: beside each part until the commit, one file afterwards."""

import os
from dataclasses import replace

import pyarrow
import pytest

from fanout_pipeline import read_failures
from fanout_pipeline.results.failures import failed_indexes, first_failures
from fanout_pipeline.results.read import Snapshot
from fanout_pipeline.results.store.collector import PartCollector
from fanout_pipeline.results.store.failed_items import failed_items, gather_failures
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline.results.store.manifest import Manifest, NoResults
from fanout_pipeline.results.write import write_part

TEXTS = {"where": "w", "item": "i", "error_type": "E", "message": "m", "traceback": "t"}


def add_part(parts, folder, number, first, failed):
    """A part of three items, of which the first `failed` have failed."""
    part = write_part(folder, number, first, [None] * failed + [1] * (3 - failed))
    if failed:
        with failed_items(folder, number) as write:
            for index in range(first, first + failed):
                write({"index": index} | TEXTS)
    parts.add(first, first + 3, replace(part, failed=failed))


@pytest.fixture
def folder(tmp_path):
    """Results of parts that were written backwards; items 3, 4, 6 and 9 to 11 failed."""
    target = ResultFolder(tmp_path / "results")
    with target.writing() as generation:
        parts = PartCollector(generation)
        for number, failed in enumerate((3, 1, 2, 0)):
            add_part(parts, generation, number, 9 - 3 * number, failed)
        target.commit(generation, Manifest("test", tuple(parts.in_order())))
    return target.path


def test_failures_are_gathered_in_the_order_of_the_items(folder):
    """Parts that were renamed keep their failures, which are one list, alone, after the commit."""
    assert read_failures(folder)["index"].tolist() == [3, 4, 6, 9, 10, 11]
    assert [failure["index"] for failure in first_failures(folder, 2)] == [3, 4]
    assert first_failures(folder, 1)[0] == {"index": 3} | TEXTS
    assert not list(folder.glob("*failed-*"))


def test_a_list_that_does_not_fit_is_refused(folder):
    """Failures that are missing, damaged or not those of the manifest are no failures."""
    path = folder / "_failures.parquet"
    generation = LocalGeneration(folder.resolve())
    manifest = Manifest.load(generation)
    fewer = tuple(replace(part, failed=min(part.failed, 1)) for part in manifest.parts)
    replace(manifest, parts=fewer).save(generation)
    with pytest.raises(NoResults, match="has 6 rows, though the manifest counts 3 failed items"):
        read_failures(folder)
    path.write_bytes(b"no parquet")
    with pytest.raises(NoResults, match="is damaged"):
        read_failures(folder)
    path.unlink()
    with pytest.raises(NoResults, match="is missing"):
        read_failures(folder)


def test_a_reader_that_meets_a_commit_is_told_to_read_again(tmp_path):
    """Nobody is sent to materialize anew what another run has just materialized."""
    target = ResultFolder(tmp_path / "results")
    for _ in range(2):
        with target.writing() as generation:
            parts = PartCollector(generation)
            add_part(parts, generation, 0, 0, 1)
            before = Snapshot.of(target.path) if target.path.exists() else None
            target.commit(generation, Manifest("test", tuple(parts.in_order())))
    with pytest.raises(NoResults, match="was replaced while it was being read: read it again"):
        failed_indexes(before)


def test_what_an_earlier_try_left_is_removed(tmp_path):
    """A list beside a part of which nothing fails any more is no list of these results."""
    target = ResultFolder(tmp_path / "results")
    with target.writing() as generation:
        with failed_items(generation, 0) as write:
            write({"index": 0} | TEXTS)
        part = write_part(generation, 0, 0, [1])
        target.commit(generation, Manifest("test", (part,)))
    assert read_failures(target.path).empty
    assert {path.name for path in target.path.iterdir()} == {"part-00000.parquet", "_manifest.json"}


def test_gathering_takes_no_more_memory_for_a_long_list(tmp_path):
    """An input of which every item fails is committed in a few MB, however few its parts are."""
    rows = 20_000
    generation = LocalGeneration(tmp_path)
    with failed_items(generation, 0) as write:
        for index in range(rows):
            write({"index": index} | TEXTS | {"traceback": os.urandom(16).hex() * 60})
    part = replace(write_part(generation, 0, 0, [None] * rows), failed=rows)
    everything = pyarrow.default_memory_pool()
    pool = pyarrow.proxy_memory_pool(everything)
    pyarrow.set_memory_pool(pool)
    try:
        gather_failures(generation, [part])
    finally:
        pyarrow.set_memory_pool(everything)
    assert pool.max_memory() < 20_000_000  # of 38 MB of tracebacks
