"""The source that docs/sources.md shows works in every strategy, as our own do."""

import importlib
import re
import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from fanout_pipeline import BadInput, FanoutSpec, ItemFailed, Options, read_failures, read_results
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.scattered.scattered import ScatteredRun
from fanout_pipeline.sources.provenance import require_unchanged

PAGE = Path(__file__).parents[2] / "docs" / "sources.md"
FUNCTIONS = """
import os

def double(value):
    if value == 60 and not os.path.exists({corrected!r}):
        raise ValueError("sixty")
    return 2 * value

def double_all(values):
    return [double(value) for value in values]

async def double_later(value):
    return double(value)
"""
VALUES = [3 * n for n in range(50)]
IDS = [2 * n + n // 10 * 7 + 1 for n in range(50)]
"""Keys with gaps, so that a unit of the source is not an item."""


@pytest.fixture
def corrected(tmp_path):
    """Once this file is there the function fails no more."""
    return tmp_path / "corrected"


@pytest.fixture
def module(tmp_path, corrected, monkeypatch):
    """A module with the source of the page and functions to call on its items."""
    [code] = re.findall(r"```python\n(import os.*?)```", PAGE.read_text(), re.DOTALL)
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "own_source.py").write_text(code + FUNCTIONS.format(corrected=str(corrected)))
    monkeypatch.syspath_prepend(folder)
    yield importlib.import_module("own_source")
    del sys.modules["own_source"]


@pytest.fixture
def source(module, tmp_path):
    """A table of fifty rows."""
    path = tmp_path / "orders.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, amount INTEGER)")
        database.executemany("INSERT INTO orders VALUES (?, ?)", zip(IDS, VALUES, strict=True))
    return module.SqliteRows(str(path), "orders", "amount")


@pytest.fixture
def run(source, module, tmp_path):
    """Run a strategy on the table."""

    def run(name, chunks=None, **policy):
        strategy = STRATEGIES[name]
        function = module.double_later if strategy.awaits else module.double
        spec = FanoutSpec("orders", source, function, module.double_all)
        options = Options(workers=2, **policy)
        resume = {"ledger": True, "resume": True} if name in RESUMING else {}
        return run_strategy(
            strategy, spec, tmp_path / name, replace(options, chunks=chunks), **resume
        )

    return run


RESUMING = ["serial", "threads", "asyncio", "multiprocess", "vectorized"]


@pytest.mark.parametrize("chunks", [1, 3, 200])
def test_any_chunks_hold_all_items(source, chunks):
    """However it is cut, each row is in one chunk, which knows the row's index."""
    found = [source.read(chunk) for chunk in source.chunks(chunks)]
    assert [value for items in found for value in items] == VALUES
    assert [items.first_index for items in found] == [
        sum(map(len, found[:number])) for number in range(len(found))
    ]
    whole = source.read(source.chunks(1)[0])
    assert list(source.read(whole.rest(7))) == VALUES[7:]
    assert whole.as_batch().tolist() == whole.as_arrow(["item"])["item"].to_pylist() == VALUES


@pytest.mark.slow
@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("chunks", [None, 7])
def test_every_strategy_gives_its_results(run, corrected, tmp_path, name, chunks):
    """The function is called on each row, and the results are in the order of the rows."""
    corrected.touch()
    run(name, chunks)
    results = read_results(tmp_path / name)["result"].tolist()
    if not STRATEGIES[name].keeps_order:
        results.sort()
    assert results == [2 * value for value in VALUES]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["asyncio", "vectorized", "multiprocess"])
def test_chunks_may_be_of_one_item(run, module, corrected, tmp_path, monkeypatch, name):
    """However few units a source lets a worker hold, a run comes to its end."""
    monkeypatch.setattr(module.SqliteRows, "CHUNK_SIZE", 1, raising=False)
    corrected.touch()
    run(name)
    assert read_results(tmp_path / name)["result"].tolist() == [2 * value for value in VALUES]


@pytest.mark.slow
@pytest.mark.parametrize("name", RESUMING)
def test_a_failed_row_is_located_and_a_run_resumed(run, corrected, tmp_path, name):
    """The message names the row; what was finished before is not done again."""
    place = rf"item 20 \(row {IDS[20]} of orders in .*orders\.db\)"
    with pytest.raises(ItemFailed, match=place):
        run(name, chunks=10)
    corrected.touch()
    assert run(name, chunks=10).reused_items > 0
    assert read_results(tmp_path / name)["result"].tolist() == [2 * value for value in VALUES]


@pytest.mark.slow
@pytest.mark.parametrize("name", RESUMING)
def test_a_failed_row_goes_into_quarantine(run, tmp_path, name):
    """All other rows have their results."""
    run(name, on_error="quarantine", failed_items="omit")
    failures = read_failures(tmp_path / name)
    assert failures[["index", "item"]].to_numpy().tolist() == [[20, "60"]]
    results = read_results(tmp_path / name)
    assert results["index"].tolist() == [n for n in range(50) if n != 20]


@pytest.mark.slow
def test_steps_of_a_scheduler_share_it_out(source, module, corrected, tmp_path):
    """In processes of their own, in any order; what no step has done is done in the end."""
    corrected.touch()
    spec = FanoutSpec("orders", source, module.double)
    steps = ScatteredRun.join(
        "steps", spec, tmp_path / "steps", Options(workers=1, chunks=5), "a run"
    )
    answers = [steps.run_chunk(one.start, one.stop) for one in steps.scatter()[:0:-1]]
    steps.gather(answers)
    assert read_results(tmp_path / "steps")["result"].tolist() == [2 * value for value in VALUES]


def test_a_change_is_noticed(source, tmp_path):
    """The message names the database, and says that nothing was committed."""
    before = source.version()
    require_unchanged(source, before)
    with closing(sqlite3.connect(source.path)) as database, database:
        database.executemany(
            "INSERT INTO orders VALUES (?, ?)", [(n, n) for n in range(1000, 2000)]
        )
    with pytest.raises(
        BadInput, match=r"orders\.db changed from .* to .* while it was read\. Noth"
    ):
        require_unchanged(source, before)


def test_it_lies_under_the_data_root(module, tmp_path):
    """Its path is relative to the data root, and may name a partition; a sample is refused with what to do."""
    source = module.SqliteRows("orders.db", "orders", "amount")
    assert source.under(tmp_path).path == str(tmp_path / "orders.db")
    by_day = replace(source, path="{partition}/orders.db")
    assert by_day.at("2026-11-28").path == "2026-11-28/orders.db"
    with pytest.raises(TypeError, match=r"Give it a method `head"):
        source.head(10, tmp_path / "head")
