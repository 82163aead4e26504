"""Every strategy gives, of every source, the results of a loop: whole, and in order."""

import os
import tempfile
from pathlib import Path

import psutil
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fanout_pipeline.engine.functions.fingerprint import function_fingerprint
from fanout_pipeline.engine.intake import default_chunks
from fanout_pipeline.engine.registry import REFERENCE, STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.squares import square, square_batch
from fanout_pipeline_tests.chance import examples
from fanout_pipeline_tests.contract.cases import IN_PROCESS
from fanout_pipeline_tests.contract.checks import assert_results, assert_same_results
from fanout_pipeline_tests.contract.runs import options_of, run_warm, spec_of
from fanout_pipeline_tests.contract.sources import SOURCES
from fanout_pipeline_tests.names import BASELINES

COUNTS = (0, 1, 2, 99, 100, 10_000)

pytestmark = pytest.mark.usefixtures("leaves_nothing")


def assert_sensible(record, strategy, options, source, count, function):
    """What a run says about itself is true, as far as the outside can tell."""
    assert record.strategy == strategy.name
    assert record.items == count
    if strategy.grows:
        assert 1 <= record.workers <= options.workers
        assert record.start_method in ("none", *strategy.start_methods)
        assert record.why
    else:
        assert record.workers == (1 if strategy.single else options.workers)
        assert record.start_method == strategy.start_methods[0]
        assert not record.why
    assert 1 <= record.chunks <= max(1, count)
    phases = (
        record.start_seconds,
        record.run_seconds,
        record.stop_seconds,
        record.commit_seconds,
    )
    assert min(phases) >= 0
    assert record.wall_seconds == pytest.approx(sum(phases), abs=1e-6)
    assert record.cpu_seconds > 0
    assert record.peak_rss_bytes > 2**20
    assert record.items_per_second == pytest.approx(count / record.wall_seconds)
    assert record.input.size == source.version().size
    assert record.function_fingerprint == function_fingerprint(function)
    if record.start_method == "none":
        assert record.worker_pids == (os.getpid(),)
    else:
        least = 1 if strategy.grows else options.workers
        assert least <= len(set(record.worker_pids)) <= options.workers
        assert not any(map(psutil.pid_exists, record.worker_pids))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Of each source and count: its file, the source, the results of a loop, and serial's digest."""
    made, folder = {}, tmp_path_factory.mktemp("inputs")

    def of(kind, count):
        if (kind, count) not in made:
            case, file = SOURCES[kind], folder / f"{kind}-{count}"
            source, expected = case.made(file, count)
            spec = spec_of(REFERENCE, source, case.function, case.batch_function)
            reference = run_strategy(
                STRATEGIES[REFERENCE], spec, folder / "serial", options_of(REFERENCE)
            )
            made[kind, count] = file, source, expected, reference.digest
        return made[kind, count]

    return of


ONE_OF_A_ROAD = ("csv", "gzip", "files")
"""Records read in place, in bytes that arrive, and files: a strategy does not tell other sources of one road apart."""
OF_EVERY_SOURCE = ("serial", "multiprocess", "vectorized")
"""In this process, in others, and as batches. `test_in_memory` has the values of every source in all others, too."""

# All counts where that is cheap; else those that differ in how a run begins and ends.
WHOLE_RUNS = [
    *(
        ("integers", name, workers, count)
        for name in IN_PROCESS
        for workers in ((1,) if STRATEGIES[name].single else (1, 2, 5))
        for count in COUNTS
    ),
    *(("integers", "multiprocess", workers, 10_000) for workers in (1, 2, 5)),
    *(("integers", "multiprocess", 2, count) for count in (0, 1)),
    *(("integers", name, 2, count) for name in BASELINES for count in (0, 10_000)),
    *(
        (kind, name, 2, 99)
        for kind in SOURCES
        if kind != "integers"
        for name in (STRATEGIES if kind in ONE_OF_A_ROAD else OF_EVERY_SOURCE)
    ),
]


@pytest.mark.parametrize(("kind", "name", "workers", "count"), WHOLE_RUNS)
def test_run(kind, name, workers, count, inputs, tmp_path):
    """Any strategy turns a source into the reference's results and says truly what it took."""
    strategy, case = STRATEGIES[name], SOURCES[kind]
    _, source, expected, digest = inputs(kind, count)
    options = options_of(name, workers)
    folder = tmp_path / "squares" / name
    spec = spec_of(name, source, case.function, case.batch_function)
    record = run_strategy(strategy, spec, folder, options)
    assert_results(folder, expected, strategy.keeps_order)
    assert_sensible(record, strategy, options, source, count, spec.function)
    manifest = ResultFolder(folder).manifest()
    assert (manifest.items, manifest.digest) == (count, record.digest)
    # More are put together where they are small; on a busy machine five threads have made thirty.
    assert len(manifest.parts) == record.chunks or record.chunks > 16
    if strategy.keeps_order:
        assert record.digest == digest


@pytest.mark.parametrize(
    ("name", "workers"), [*((name, 2) for name in STRATEGIES), ("multiprocess", 5)]
)
def test_crew_is_used_again(name, workers, inputs, tmp_path):
    """One crew can be given work any number of times, large after small and small after large."""
    strategy = STRATEGIES[name]
    folder = tmp_path / "squares" / name
    with strategy.start(options_of(name, workers)) as crew:
        before = [used.pid for used in crew.usage()]
        for count in (*COUNTS, *reversed(COUNTS)):
            file, source, expected, digest = inputs("integers", count)
            chunks = default_chunks(source, file.stat().st_size, workers)
            spec = spec_of(name, source, square, square_batch)
            manifest = run_warm(name, crew, spec, folder, chunks)
            assert_results(folder, expected, strategy.keeps_order)
            if strategy.keeps_order:
                assert manifest.digest == digest
        after = [used.pid for used in crew.usage()]
    if strategy.grows:
        assert len(after) <= workers
    else:
        assert after == before
        assert len(before) == (0 if name in IN_PROCESS else workers)


@pytest.mark.parametrize("name", ["serial", "multiprocess"])
def test_results_are_replaced(name, inputs, tmp_path):
    """A second run puts its results in the place of the first's, of which nothing stays."""
    for count in (10_000, 2):
        _, source, expected, _ = inputs("integers", count)
        spec = spec_of(name, source, square, square_batch)
        run_strategy(STRATEGIES[name], spec, tmp_path / name, options_of(name))
    assert_results(tmp_path / name, expected)


EDGES = st.sampled_from([edge + step for edge in (-(2**63), 2**31, 2**63) for step in (-1, 0, 1)])
INTEGERS = st.integers() | st.integers(-(2**200), 2**200) | EDGES | st.integers(-9, 9)


@st.composite
def integer_lines(draw):
    """A file's bytes: integers, written in any way that `int` reads."""
    lines = []
    for number in draw(st.lists(INTEGERS, max_size=40)):
        sign = "-" if number < 0 else draw(st.sampled_from(["", "", "+"]))
        zeros = "0" * draw(st.sampled_from([0, 0, 0, 1, 30]))
        blank = draw(st.sampled_from(["", "", "", " ", "\t"]))
        end = draw(st.sampled_from(["\n", "\n", "\r\n"]))
        lines.append(f"{blank}{sign}{zeros}{abs(number)}{blank}{end}")
    text = "".join(lines)
    return (text.rstrip("\r\n") if draw(st.booleans()) else text).encode()


@pytest.mark.hypothesis
@pytest.mark.parametrize("name", ["serial", "asyncio", "vectorized", "multiprocess"])
def test_any_integers_in_any_chunks(name):
    """However integers are written and cut into chunks, none is changed, lost or moved."""

    @settings(max_examples=examples(100), deadline=None, database=None)
    @example(b"", 20)
    @example(b"7", 20)
    @example(b"-0\n+0\r\n000\n", 2)
    @example(b"1_000\n \xd9\xa3 \n", 1)
    @example(b"1\n" + b"9" * 2500 + b"\n-9223372036854775808\n", 3)
    @given(integer_lines(), st.integers(1, 20))
    def body(lines, chunks):
        with tempfile.TemporaryDirectory() as root:
            file = Path(root, "numbers.txt")
            file.write_bytes(lines)
            folder = Path(root, name)
            run_warm(name, crew, spec_of(name, file, square, square_batch), folder, chunks)
            assert_same_results(folder, file, square)

    with STRATEGIES[name].start(options_of(name)) as crew:
        body()
