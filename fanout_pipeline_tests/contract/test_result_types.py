"""The type of results is the function's, whatever the strategy and however the input was cut."""

from itertools import product

import pytest

from fanout_pipeline import read_results
from fanout_pipeline.measuring.correctness.verification import verify
from fanout_pipeline.results.read import Snapshot
from fanout_pipeline_tests.contract.cases import RELIABLE
from fanout_pipeline_tests.contract.functions import awkward
from fanout_pipeline_tests.contract.runs import run, spec_of, write_items

COUNT = 80
# What is written by this process, and what by others, differs; the other strategies but cut alike.
CASES = [
    *((name, awkward.article) for name in RELIABLE),
    *product(["serial", "multiprocess"], [awkward.price, awkward.mostly_integers]),
]

pytestmark = pytest.mark.usefixtures("leaves_nothing")


@pytest.mark.parametrize(("name", "function"), CASES)
def test_results_do_not_depend_on_the_cut(name, function, tmp_path):
    """In one chunk or in as many as items: the same digest, the same values, one schema."""
    file = write_items(tmp_path / "numbers.txt", COUNT)
    expected = [function(1000 + index) for index in range(COUNT)]
    digests, read, schemas = set(), set(), set()
    for chunks in (1, 7, COUNT):
        folder = tmp_path / str(chunks)
        record = run(name, file, function, folder, chunks=chunks)
        check = verify(spec_of(name, file, function), folder, record).check
        assert (check.complete, check.wrong, check.in_order) == (True, 0, True)
        results = read_results(folder)["result"].tolist()
        digests.add(record.digest)
        read.add(str(results))
        for batch in Snapshot.of(folder).batches():
            schemas.add(str(batch.schema.field("result").type))
        if function is awkward.article:
            assert all(map(has_null_for_each_missing_key, results, expected))
        else:
            assert results == expected
    assert len(read) == len(digests) == len(schemas) == 1


def has_null_for_each_missing_key(read, returned):
    if isinstance(returned, dict):
        return set(read) >= set(returned) and all(
            has_null_for_each_missing_key(read[key], returned.get(key)) for key in read
        )
    return type(read) is type(returned) and read == returned
