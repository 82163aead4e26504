"""Calls of a real HTTP server that counts; `benchmarks/http_limits.py` is the long form."""

import pytest

from benchmarks.limited_server import fetch, fetch_async, limited_server, retry_after, stats
from fanout_pipeline import Options, TextLines, read_results
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline_tests.contract.runs import spec_of

pytestmark = pytest.mark.slow
CALLS = 150


def called(name, tmp_path, options, *server):
    """The results of calls, and how many requests were answered with each status."""
    with limited_server("--per-second", "50", *server) as url:
        (tmp_path / "urls.txt").write_text("".join(f"{url}/{n}\n" for n in range(CALLS)))
        function = fetch_async if STRATEGIES[name].awaits else fetch
        spec = spec_of(name, TextLines(str(tmp_path / "urls.txt")), function)
        run_strategy(STRATEGIES[name], spec, tmp_path / "out", options)
        return read_results(tmp_path / "out")["result"].tolist(), stats(url)


@pytest.mark.parametrize("name", ["asyncio", "threads", "multiprocess"])
def test_calls_keep_to_what_a_server_allows(name, tmp_path):
    """All succeed, next to none is refused as one too many, and the few that fail are tried again."""
    options = Options(workers=4, retries=5, per_second=50, retry_after=retry_after)
    results, answers = called(name, tmp_path, options, "--kind", "bucket")
    assert results == list(range(CALLS))
    assert answers[200] == CALLS
    assert answers[503]
    assert answers.get(429, 0) <= 0.01 * CALLS


@pytest.mark.parametrize("dates", [(), ("--dates",)], ids=["seconds", "dates"])
def test_a_server_that_is_asked_too_much(dates, tmp_path):
    """Without a rate the server's Retry-After alone is enough, as seconds or as a date: no retry is needed for it."""
    options = Options(concurrency=20, retry_after=retry_after)
    results, answers = called("asyncio", tmp_path, options, "--failing", "0", *dates)
    assert results == list(range(CALLS))
    assert answers[429]
