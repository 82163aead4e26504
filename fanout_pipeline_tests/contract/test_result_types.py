"""The type of results is the function's, whatever the strategy and however the input was cut."""

import pytest

from fanout_pipeline import FanoutSpec, IntegerLines, Options, read_results
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.measuring.correctness.verification import verify
from fanout_pipeline.results.read import Snapshot
from fanout_pipeline_tests.contract import functions
from fanout_pipeline_tests.contract.test_faults import write_items
from fanout_pipeline_tests.contract.test_strategies import EACH_ONCE, given_to

COUNT = 120

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("leaves_nothing"),
    pytest.mark.timeout(120),
]


@pytest.fixture
def file(tmp_path):
    """Item 1000 + index."""
    return write_items(tmp_path / "numbers.txt", COUNT)


@pytest.mark.parametrize(
    "function", [functions.article, functions.price, functions.mostly_integers]
)
@pytest.mark.parametrize(("name", "method"), EACH_ONCE)
def test_results_do_not_depend_on_the_cut(name, method, function, file, tmp_path):
    """In one chunk or in as many as items: the same digest, the same values, one schema."""
    strategy = STRATEGIES[name]
    batch = functions.Batch(function) if strategy.batch else None
    spec = FanoutSpec("articles", IntegerLines(str(file)), given_to(name, function), batch)
    digests, read, schemas = set(), set(), set()
    for chunks in (1, 7, COUNT):
        folder = tmp_path / str(chunks)
        record = run_strategy(strategy, spec, folder, Options(2, method), chunks=chunks)
        check = verify(spec, folder, record).check
        assert check.complete
        assert check.wrong == 0
        assert check.in_order or not strategy.keeps_order
        results = read_results(folder)["result"].tolist()
        expected = [function(1000 + index) for index in range(COUNT)]
        if not strategy.keeps_order:
            results.sort(key=shown)
            expected.sort(key=shown)
        digests.add(record.digest)
        read.add(str(list(map(shown, results))))
        for batch in Snapshot.of(folder).batches():
            schemas.add(str(batch.schema.field("result").type))
        if function is not functions.article:
            assert results == expected
        elif strategy.keeps_order:
            assert all(map(with_nulls_for_keys_that_lack, results, expected))
    assert len(read) == 1
    if strategy.keeps_order:
        assert len(digests) == len(schemas) == 1


def shown(result):
    if isinstance(result, dict):  # Which key came first is chance where the order is.
        result = dict(sorted(result.items()))
    return repr(0 if result is False else result)


def with_nulls_for_keys_that_lack(read, returned):
    if isinstance(returned, dict):
        return set(read) >= set(returned) and all(
            with_nulls_for_keys_that_lack(read[key], returned.get(key)) for key in read
        )
    return type(read) is type(returned) and read == returned
