"""Every strategy gives the results of `[f(int(line)) for line in file]`, whole and in order."""

import os
import tempfile
from pathlib import Path

import psutil
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fanout_pipeline import FanoutSpec, IntegerLines, Options, read_results
from fanout_pipeline.engine.functions.fingerprint import function_fingerprint
from fanout_pipeline.engine.model.strategy import Work
from fanout_pipeline.engine.registry import REFERENCE, STRATEGIES
from fanout_pipeline.engine.run import default_chunks, run_strategy
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.store.manifest import Manifest
from fanout_pipeline.squares import square, square_batch
from fanout_pipeline_tests.chance import examples
from fanout_pipeline_tests.contract import functions
from fanout_pipeline_tests.results.layout import generations

WORKERS = (1, 2, 5)
COUNTS = (0, 1, 2, 99, 100, 10_000)
CASES = [(name, method) for name, s in STRATEGIES.items() for method in s.start_methods]
EACH_ONCE = [(name, s.start_methods[0]) for name, s in STRATEGIES.items()]
"""For what does not depend on how workers are started."""
WITHOUT_PROCESSES = [name for name, s in STRATEGIES.items() if s.start_methods == ("none",)]

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("leaves_nothing")]


def assert_same_results(folder, file, function, keeps_order):
    """The results are the reference's, and the folder holds them and nothing else."""
    with open(file, encoding="utf-8") as lines:
        expected = [function(int(line)) for line in lines]
    table = read_results(folder)
    results = table["result"].tolist()
    assert table["index"].tolist() == list(range(len(expected)))
    if not keeps_order:
        expected.sort()
        results.sort()
    assert results == expected
    assert list(map(type, results)) == list(map(type, expected))
    parts = ResultFolder(folder).manifest().parts
    names = {f"part-{part.number:05d}.parquet" for part in parts}
    assert {path.name for path in folder.iterdir()} == names | {"_manifest.json"}
    assert generations(folder) == {folder.resolve()}


def assert_sensible(record, strategy, options, file, count):
    """What a run says about itself is true, as far as the outside can tell."""
    assert record.strategy == strategy.name
    assert record.items == count
    assert record.workers == (1 if strategy.single else options.workers)
    assert record.start_method == options.start_method
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
    assert record.input.size == file.stat().st_size
    function = given_to(strategy.name, square)
    assert record.function_fingerprint == function_fingerprint(function)
    if strategy.start_methods == ("none",):
        assert record.worker_pids == (os.getpid(),)
    else:
        assert len(set(record.worker_pids)) == options.workers
        assert not any(map(psutil.pid_exists, record.worker_pids))


def run_warm(name, crew, spec, folder, chunks):
    """What `run_strategy` does, with a crew that is there already."""
    target = ResultFolder(folder)
    with target.writing() as generation:
        cuts = spec.source.chunks(chunks)
        work = Work(spec.source, spec.function, spec.batch_function, cuts, generation)
        manifest = Manifest(name, tuple(crew.run(work, Progress(name, print)).parts))
        target.commit(generation, manifest)
    return manifest


def spec_of(file, name=REFERENCE):
    """The squares of a file's integers, for the strategy of this name."""
    return FanoutSpec("squares", IntegerLines(str(file)), given_to(name, square), square_batch)


def given_to(name, function):
    """A plain function as the strategy can call it."""
    return functions.Async(function) if STRATEGIES[name].awaits else function


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A file of distinct integers in no order for each count."""
    folder = tmp_path_factory.mktemp("files")
    for count in COUNTS:
        text = "".join(f"{number * 7919 % 10_007}\n" for number in range(count))
        (folder / f"{count}.txt").write_text(text)
    return {count: folder / f"{count}.txt" for count in COUNTS}


@pytest.fixture(scope="module")
def reference_digests(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    options = Options(1, "none")
    strategy = STRATEGIES[REFERENCE]
    return {
        count: run_strategy(strategy, spec_of(file), folder / str(count), options).digest
        for count, file in files.items()
    }


# All counts where that is cheap; else those that differ in how a run begins and ends.
WHOLE_RUNS = [
    (name, method, workers, count)
    for name, method in CASES
    for workers in WORKERS
    for count in COUNTS
    if name in WITHOUT_PROCESSES or count == 10_000 or (workers == 2 and count < 2)
]


@pytest.mark.parametrize(("name", "method", "workers", "count"), WHOLE_RUNS)
def test_run(name, method, workers, count, files, reference_digests, tmp_path):
    """Any strategy turns a file into the reference's results and says truly what it took."""
    strategy = STRATEGIES[name]
    options = Options(workers, method)
    folder = tmp_path / "squares" / name
    record = run_strategy(strategy, spec_of(files[count], name), folder, options)
    assert_same_results(folder, files[count], square, strategy.keeps_order)
    assert_sensible(record, strategy, options, files[count], count)
    manifest = ResultFolder(folder).manifest()
    assert (manifest.items, manifest.digest) == (count, record.digest)
    assert len(manifest.parts) == record.chunks
    if strategy.keeps_order:
        assert record.digest == reference_digests[count]


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize(("name", "method"), CASES)
def test_crew_is_used_again(name, method, workers, files, reference_digests, tmp_path):
    """One crew can be given work any number of times, large after small and small after large."""
    strategy = STRATEGIES[name]
    folder = tmp_path / "squares" / name
    with strategy.start(Options(workers, method)) as crew:
        before = [used.pid for used in crew.usage()]
        for count in (*COUNTS, *reversed(COUNTS)):
            file = files[count]
            chunks = default_chunks(file.stat().st_size, workers)
            manifest = run_warm(name, crew, spec_of(file, name), folder, chunks)
            assert_same_results(folder, file, square, strategy.keeps_order)
            if strategy.keeps_order:
                assert manifest.digest == reference_digests[count]
        assert [used.pid for used in crew.usage()] == before
    assert len(before) == (0 if name in WITHOUT_PROCESSES else workers)


@pytest.mark.parametrize("name", STRATEGIES)
def test_results_are_replaced(name, files, reference_digests, tmp_path):
    """A second run puts its results in the place of the first's, of which nothing stays."""
    strategy = STRATEGIES[name]
    for count in (10_000, 2):
        run_strategy(strategy, spec_of(files[count], name), tmp_path / name, Options(2, "any"))
    assert_same_results(tmp_path / name, files[2], square, strategy.keeps_order)


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
@pytest.mark.parametrize("name", ["serial", "threads", "asyncio", "vectorized", "multiprocess"])
def test_any_integers_in_any_chunks(name):
    """However integers are written and cut into chunks, none is changed, lost or moved."""

    @settings(max_examples=examples(150), deadline=None, database=None)
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
            run_warm(name, crew, spec_of(file, name), folder, chunks)
            assert_same_results(folder, file, square, keeps_order=True)

    with STRATEGIES[name].start(Options(2, "spawn")) as crew:
        body()
