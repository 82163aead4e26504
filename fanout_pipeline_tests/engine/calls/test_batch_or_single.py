"""auto calls the batch function or the one for single items, whichever is quicker, where results do not tell which."""

from dataclasses import replace

import pytest

from fanout_pipeline import FanoutSpec, Options
from fanout_pipeline.engine.calls import batch_or_single
from fanout_pipeline.engine.in_memory import run_in_memory
from fanout_pipeline.engine.registry import AUTO_HERE
from fanout_pipeline.sources.memory import as_source

pytestmark = pytest.mark.usefixtures("leaves_nothing")

COUNT = 120_000
DEAR, QUICK = 9e-6, 4e-6


@pytest.fixture
def prices(monkeypatch):
    """What an item is said to take, for each function, so that no test depends on a clock."""
    found = {"process_batch": lambda first: DEAR, "process_chunk": lambda first: QUICK}

    def priced(name):
        original = getattr(batch_or_single, name)

        def process(*given):
            outcome = original(*given)
            part = outcome.part
            seconds = found[name](part.first_index) * part.items + 0.001
            times = {"read_seconds": 0.0, "write_seconds": 0.0, "wait_seconds": 0.0}
            return outcome._replace(part=replace(part, call_seconds=seconds, **times))

        return process

    for name in found:
        monkeypatch.setattr(batch_or_single, name, priced(name))
    monkeypatch.setattr(batch_or_single, "_TRIAL_SECONDS", 100.0)
    return found


class Called:
    """Both functions, and the items that each was called with."""

    def __init__(self, single, batch):
        self.singly, self.batched = [], []
        self._single, self._batch = single, batch

    def run(self, items=range(COUNT), **options):
        spec = FanoutSpec("calls", as_source(list(items)), self.single, batch_function=self.batch)
        results, record = run_in_memory(AUTO_HERE, spec, Options(**options), lambda line: None)
        return [value for part in results.parts for value in part.values()], record

    def single(self, item):
        self.singly.append(item)
        return self._single(item)

    def batch(self, items):
        self.batched.extend(items.tolist())
        return self._batch(items)


def doubled():
    return Called(lambda item: 2 * item, lambda items: items * 2)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_quicker_function_is_called(prices, workers):
    """Single calls take the place of a dearer batch function; sixteen items are called by both, all others once."""
    called = doubled()
    results, record = called.run(workers=workers)
    assert results == [2 * item for item in range(COUNT)]
    assert len(called.singly) > COUNT / 2
    assert sorted([*called.singly, *called.batched]) == sorted([*range(COUNT), *range(16)])
    assert "items by single calls" in record.why


def test_the_other_is_looked_at_again(prices):
    """Single calls that become dearer than the batch function would be are given up, and nothing is lost."""
    prices["process_chunk"] = lambda first: QUICK if first < COUNT else 4 * DEAR
    called = doubled()
    results, _ = called.run(range(5 * COUNT), workers=1)
    assert results == [2 * item for item in range(5 * COUNT)]
    assert called.singly[16:]
    assert called.batched[-1] == 5 * COUNT - 1


def raises(item):
    raise ValueError("not alone")


@pytest.mark.parametrize(
    ("single", "batch", "options"),
    [
        pytest.param(lambda item: item / 2, lambda items: items / 2, {}, id="floats"),
        pytest.param(lambda item: item, lambda items: items + 1, {}, id="other results"),
        pytest.param(lambda item: 1, lambda items: items == items, {}, id="of another type"),
        pytest.param(lambda item: None, lambda items: [None] * len(items), {}, id="nothing"),
        pytest.param(raises, lambda items: items, {}, id="an error"),
        pytest.param(
            lambda item: item, lambda items: items, {"on_error": "quarantine"}, id="failed items"
        ),
    ],
)
def test_results_do_not_depend_on_the_clock(prices, single, batch, options):
    """Where both might not give exactly the same, all results are those of the batch function."""
    called = Called(single, batch)
    called.run(workers=1, **options)
    assert called.batched == list(range(COUNT))
    assert called.singly == list(range(len(called.singly)))
    assert len(called.singly) <= 16


def test_a_dear_batch_function_is_called_alone(prices):
    """What takes long in batches may be paid for by the call: not one single call is made."""
    prices["process_batch"] = lambda first: 20e-6
    called = doubled()
    called.run(workers=1)
    assert (called.batched, called.singly) == (list(range(COUNT)), [])
