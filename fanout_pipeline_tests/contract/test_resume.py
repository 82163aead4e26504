"""A run that is killed with all its processes loses the chunks that were in flight, and no others."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path

import pytest

from fanout_pipeline import FanoutSpec, IntegerLines, Options, read_failures, read_results
from fanout_pipeline.engine.model.errors import ItemFailed
from fanout_pipeline.engine.model.options import FAIL, FailurePolicy
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.numbers_file import write_numbers
from fanout_pipeline.results.store import turn
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.store.ledger import LEDGER, Ledger
from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline.sources.source import BadInput
from fanout_pipeline_tests.contract.cases import IN_PROCESS, RELIABLE, every_strategy
from fanout_pipeline_tests.contract.functions import (
    awkward,
    changing_files,
    dying,
    marking,
    raising,
    returning,
)
from fanout_pipeline_tests.contract.runs import options_of, spec_of, write_items
from fanout_pipeline_tests.faults.rounds import FULL, ROUNDS, chance
from fanout_pipeline_tests.processes import interrupt as interrupted
from fanout_pipeline_tests.processes import until
from fanout_pipeline_tests.results.layout import generations, runs_of

ROOT = Path(__file__).parents[2]
COUNT = 600
WORKERS = 2
PROGRAM = """
import json, sys
from pathlib import Path
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline_tests.contract.functions.marking import Waits
from fanout_pipeline_tests.contract.functions.returning import sleeps_1_ms
from fanout_pipeline_tests.contract.runs import options_of, spec_of

root, name, chunks = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) or None
function = Waits(Path(sys.argv[4])) if sys.argv[4:] else sleeps_1_ms
spec = spec_of(name, root / "numbers.txt", function)
print("begins", flush=True)
run = run_strategy(
    STRATEGIES[name], spec, root / name, options_of(name, chunks=chunks), ledger=True, resume=True
)
print(json.dumps([run.digest, run.wall_seconds, run.chunks, run.reused_chunks, run.reused_items]))
"""

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("leaves_nothing")]


@pytest.fixture
def root(tmp_path):
    """A folder with an input that takes a while."""
    write_numbers(tmp_path / "numbers.txt", COUNT)
    return tmp_path


def started(root, name, chunks, *before):
    """A process of a run, in a session of its own, which is about to begin. `before`: see `Waits`."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, root, name, str(chunks), *before],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline() == "begins\n"
    return process


def finished(process):
    told, _ = process.communicate()
    assert process.returncode == 0
    return json.loads(told)


def left(root, name, *, begun_only=False):
    """Parts that are there and not visible, and how many of them the ledger tells of.

    Earlier results that were being removed have no ledger any more: `begun_only` leaves them out.
    """
    runs = runs_of(root / name)
    visible = (root / name).resolve()
    written = told = 0
    for generation in runs.iterdir() if runs.is_dir() else ():
        if generation.is_dir() and generation != visible:
            if begun_only and not (generation / LEDGER).exists():
                continue
            written += len(list(generation.glob("*part-*.parquet")))
            ledger = Ledger.read(LocalGeneration(generation))
            told += len(ledger.finished) if ledger else 0
    return written, told


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("name", "chunks"),
    [("threads", 60), ("multiprocess", 0)] + [("serial", 0), ("multiprocess", 60)] * FULL,
)
def test_a_killed_run_goes_on(root, name, chunks, record_property):
    """SIGKILL of all processes at any moment: the same results at last, and what was written is reused."""
    digest, seconds, *_ = finished(started(root, name, chunks))
    rounds = []
    for number in range(ROUNDS):
        process = started(root, name, chunks)
        time.sleep(chance(f"{name} {chunks}", number).uniform(0, seconds))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        written, told = left(root, name, begun_only=True)
        # A part is written before it is told of: those in flight, at most.
        assert written - told <= 2 * WORKERS
        again, _, all_chunks, reused, _ = finished(started(root, name, chunks))
        assert again == digest
        assert reused == told
        rounds.append([written, told, reused, all_chunks])
        assert left(root, name) == (0, 0)
    record_property("written, told, reused, chunks", rounds)
    assert read_results(root / name)["result"].tolist() == list(range(COUNT))


@pytest.mark.timeout(600)
def test_a_run_that_is_killed_again_and_again_gets_on(root):
    """Each run that dies adds to what is finished, and the last has little left to do."""
    name, before = "multiprocess", root / "before"
    source = IntegerLines(str(root / "numbers.txt"))
    for done in (5, 10, 15):
        before.write_text(str(sum(len(source.read(chunk)) for chunk in source.chunks(60)[:done])))
        process = started(root, name, 60, before)
        until(lambda done=done: left(root, name)[1] == done)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert left(root, name)[1] == done
    before.unlink()
    _, _, chunks, reused, items = finished(started(root, name, 60, before))
    assert (chunks, reused) == (60, 15)
    assert items > COUNT * 15 // 75
    assert read_results(root / name)["result"].tolist() == list(range(COUNT))


def run(
    name,
    file,
    function,
    folder,
    log=lambda line: None,
    failures=FAIL,
    worker_memory_mb=None,
    depends_on=(),
    chunks=20,
    **options,
):
    spec = spec_of(name, file, function, depends_on=depends_on)
    how = Options(workers=1, chunks=chunks, worker_memory_mb=worker_memory_mb, **asdict(failures))
    options = {"ledger": True, "resume": True} | options
    return run_strategy(STRATEGIES[name], spec, folder, how, log=log, **options)


@pytest.fixture
def failed(tmp_path):
    """Fails a run on item 60 of 100, in its 13th chunk, and gives what is needed for the next."""

    def failed(name):
        file, folder = write_items(tmp_path / "numbers.txt", 100), tmp_path / "results" / name
        with pytest.raises(ItemFailed):
            run(name, file, changing_files.Down(tmp_path / "down"), folder)
        (tmp_path / "down").unlink()
        return file, changing_files.Down(tmp_path / "down"), folder

    (tmp_path / "down").touch()
    return failed


@every_strategy
def test_a_failed_run_goes_on_after_its_cause_is_mended(failed, name):
    """What failed for a reason outside of function and input is finished by the next run."""
    file, function, folder = failed(name)
    told = []
    record = run(name, file, function, folder, told.append)
    # asyncio has calls of later chunks in flight when one fails, and what waits is not written.
    least = 1 if name == "asyncio" else 12
    assert least <= record.reused_chunks <= 12
    assert (record.items, record.chunks) == (100, 20)
    assert record.reused_items == 5 * record.reused_chunks
    assert record.items_per_second == pytest.approx(
        (100 - record.reused_items) / record.wall_seconds
    )
    line = r"resumes: (\d+) of \1 finished chunks \(\d+ items\) of the run that stopped at .* are reused"
    assert re.fullmatch(line, told[0])
    assert read_results(folder)["result"].tolist() == list(range(1000, 1100))
    assert generations(folder) == {folder.resolve()}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ("function", "the function changed since then"),
        ("input", "the input changed since then"),
        ("chunks", "the number of chunks changed since then"),
        ("resume", None),
    ],
)
@pytest.mark.parametrize("name", ["serial", "multiprocess"])
def test_what_another_run_made_is_not_reused(failed, name, changed, reason):
    """Another function, input or number of chunks starts afresh, and so does who asks for it."""
    file, function, folder = failed(name)
    options = {}
    if changed == "function":
        function = returning.same
    if changed == "input":
        file.write_text(file.read_text().replace("1001", "1111"))
    if changed == "chunks":
        options["chunks"] = 10
    if changed == "resume":
        options["resume"] = False
    told = []
    record = run(name, file, function, folder, told.append, **options)
    assert record.reused_chunks == record.reused_items == 0
    if reason:
        assert told[0].startswith("starts afresh: the 12 finished chunks ")
        assert told[0].endswith(reason)
    expected = [int(line) for line in file.read_text().split()]
    assert read_results(folder)["result"].tolist() == expected


QUARANTINE = FailurePolicy(on_error="quarantine")


@every_strategy
def test_results_of_a_mended_file_are_not_mixed_with_those_before(tmp_path, monkeypatch, name):
    """Where the spec names what the function reads, all items are done anew after that has changed."""
    monkeypatch.chdir(tmp_path)
    file, folder = write_items(tmp_path / "numbers.txt", 100), tmp_path / "results" / name
    rates = tmp_path / "rates.json"
    function, depends_on = changing_files.Rated(rates), ("rates.json",)
    rates.write_text("-1")
    with pytest.raises(ItemFailed):
        run(name, file, function, folder, depends_on=depends_on)
    rates.write_text("3")
    told = []
    record = run(name, file, function, folder, told.append, depends_on=depends_on)
    assert record.reused_chunks == 0
    assert read_results(folder)["result"].tolist() == [3 * n for n in range(1000, 1100)]
    assert re.fullmatch(
        r"starts afresh: .* are not reused, because rates\.json changed since then", told[0]
    )


@pytest.mark.parametrize("name", ["serial", "multiprocess"])
def test_what_has_not_changed_is_reused(failed, monkeypatch, name):
    """A spec that names variables and packages goes on as others do, and no value is written down."""
    file, function, folder = failed(name)
    monkeypatch.setenv("FANOUT_TEST_KEY", "secret")
    depends_on = ("env:FANOUT_TEST_KEY", "package:pytest")
    function.sign.touch()
    with pytest.raises(ItemFailed):
        run(name, file, function, folder, depends_on=depends_on)
    function.sign.unlink()
    (generation,) = generations(folder)
    assert "secret" not in (generation / LEDGER).read_text()
    record = run(name, file, function, folder, depends_on=depends_on)
    assert record.reused_chunks == 12
    made = run(name, file, function, folder, depends_on=depends_on).function_fingerprint
    assert made == record.function_fingerprint
    monkeypatch.setenv("FANOUT_TEST_KEY", "another")
    assert run(name, file, function, folder).function_fingerprint != made
    assert run(name, file, function, folder, depends_on=depends_on).function_fingerprint != made


@pytest.mark.parametrize("name", ["serial", "threads", "multiprocess"])
def test_what_a_function_reads_may_not_change_while_a_run_works(tmp_path, name):
    """The run ends and says what changed; nothing that was made after that is reused."""
    file, folder = write_items(tmp_path / "numbers.txt", 100), tmp_path / "results" / name
    rates = tmp_path / "rates.json"
    rates.write_text("1")
    function = changing_files.Mends(changing_files.Rated(rates))
    with pytest.raises(
        BadInput, match=r"rates\.json, which the function depends on, changed during"
    ):
        run(name, file, function, folder, depends_on=(rates,))
    assert not folder.exists()
    rates.write_text("1")
    told = []
    record = run(name, file, changing_files.Rated(rates), folder, told.append, depends_on=(rates,))
    assert record.reused_items <= 60
    assert read_results(folder)["result"].tolist() == list(range(1000, 1100))


@every_strategy
def test_a_run_that_ends_says_what_it_has_kept(tmp_path, name):
    """How many chunks and items the next materialization reuses; nothing where that is none."""
    file, folder = write_items(tmp_path / "numbers.txt", 100), tmp_path / "results" / name
    (tmp_path / "down").touch()
    function, told = changing_files.Down(tmp_path / "down"), []
    with pytest.raises(ItemFailed):
        run(name, file, function, folder, told.append)
    kept = [line for line in told if "kept" in line]
    function.sign.unlink()
    again = run(name, file, function, folder)
    chunks = "1 chunk" if again.reused_chunks == 1 else f"{again.reused_chunks} chunks"
    assert kept == [
        f"{chunks}, {again.reused_items} of 100 items are kept; materialize again to resume"
    ]


def interrupt(*arguments, **options):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("name", "case"),
    [
        *product(
            ["serial", "multiprocess"], ["interrupted", "input changed", "mixed", "no resume"]
        ),
        ("multiprocess", "worker"),
    ],
)
def test_however_a_run_ends_it_says_what_it_has_kept(tmp_path, monkeypatch, name, case):
    """What is told is what the next run reuses, and on which condition."""
    file, folder, told = write_items(tmp_path / "numbers.txt", 100), tmp_path / "results" / name, []
    function, error, options = changing_files.Down(tmp_path / "down"), ItemFailed, {}
    function.sign.touch()
    expected = "12 chunks, 60 of 100 items are kept; materialize again to resume"
    if case == "interrupted":
        function.sign.unlink()
        monkeypatch.setattr(ResultFolder, "commit", interrupt)
        expected, error = expected.replace("12 chunks, 60", "20 chunks, 100"), KeyboardInterrupt
    elif case == "input changed":
        function, error = changing_files.Changes(file, "grows"), BadInput
        expected = r"\d+ chunks?, \d+ items are kept; a later run resumes if its input is again what it was when this run began"
    elif case == "worker":
        function = dying.kills_its_worker
    elif case == "mixed":
        function, error = awkward.float_from_guilty_on, TypeError
    elif case == "no resume":
        options, expected = {"resume": False}, None
    with pytest.raises(error):
        run(name, file, function, folder, told.append, **options)
    kept = [line for line in told if "kept" in line]
    assert len(kept) == (0 if expected is None else 1)
    if expected:
        assert re.fullmatch(expected, kept[0])
    monkeypatch.undo()
    run(name, file, returning.same, folder)


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        *((name, QUARANTINE) for name in RELIABLE),
        ("serial", FailurePolicy(backoff_seconds=0.2)),
        ("multiprocess", FailurePolicy(retries=3, backoff_seconds=0)),
        ("multiprocess", FailurePolicy(item_timeout_seconds=60)),
    ],
)
def test_another_failure_policy_throws_nothing_away(failed, name, policy):
    """Who has retries or a quarantine after a run that failed keeps what it had finished."""
    file, function, folder = failed(name)
    function.sign.touch()
    told = []
    try:
        record = run(name, file, function, folder, told.append, failures=policy)
    except ItemFailed:
        assert not policy.quarantines
        function.sign.unlink()
        record = run(name, file, function, folder, failures=policy)
    assert record.reused_chunks >= (1 if name == "asyncio" else 12)
    assert re.fullmatch(r"resumes: (\d+) of \1 finished chunks .* are reused", told[0])
    expected = list(range(1000, 1100))
    if policy.quarantines:
        expected[60] = None
        assert read_failures(folder)["index"].tolist() == [60]
    assert as_list(folder) == expected


def as_list(folder):
    results = read_results(folder)["result"]
    return results.astype(object).where(results.notna(), None).tolist()


@pytest.fixture
def died(monkeypatch):
    """Does all of a run but the commit."""

    def died(*arguments, **options):
        with monkeypatch.context() as patch:
            patch.setattr(ResultFolder, "commit", interrupt)
            with pytest.raises(KeyboardInterrupt):
                run(*arguments, **options)

    return died


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        *((name, replace(QUARANTINE, failed_items="omit")) for name in RELIABLE),
        ("serial", replace(QUARANTINE, retries=1, backoff_seconds=0)),
    ],
)
def test_items_that_failed_are_called_again_under_another_policy(tmp_path, died, name, policy):
    """Only parts without failed items are reused, so that results and failures are of one policy."""
    file, folder = write_items(tmp_path / "numbers.txt", 100), tmp_path / "results" / name
    died(name, file, raising.raises_on_guilty, folder, failures=QUARANTINE)
    told = []
    arguments = name, file, raising.raises_on_guilty
    record = run(*arguments, folder, told.append, failures=policy)
    assert (record.reused_chunks, record.reused_items, record.failed) == (19, 95, 1)
    assert told[0].startswith("resumes: 19 of 20 finished chunks (95 items) of the run ")
    assert told[0].endswith(
        " are reused, except 1 in which items failed: what is done with failed items changed since then"
    )
    fresh = run(*arguments, tmp_path / "fresh", failures=policy)
    assert record.digest == fresh.digest
    columns = ["index", "where", "item", "error_type", "message"]
    again, once = (read_failures(one)[columns] for one in (folder, tmp_path / "fresh"))
    assert again.equals(once)


@pytest.mark.parametrize(
    ("name", "policy", "reused"),
    [
        ("multiprocess", QUARANTINE, 19),
        ("multiprocess", FailurePolicy(), 20),
        ("serial", QUARANTINE, 20),
    ],
)
def test_items_that_failed_for_want_of_memory_are_called_again(
    tmp_path, died, name, policy, reused
):
    """After worker_memory_mb was raised no failure that it may have caused is reused."""
    file, folder = write_items(tmp_path / "numbers.txt", 100), tmp_path / "results" / name
    function = raising.raises_on_guilty if policy.quarantines else returning.same
    died(name, file, function, folder, failures=policy, worker_memory_mb=2000)
    told = []
    record = run(name, file, function, folder, told.append, failures=policy, worker_memory_mb=4000)
    assert record.reused_chunks == reused
    assert record.failed == policy.quarantines
    if reused < 20:
        assert told[0].endswith(
            "in which items failed: the memory that a worker may have changed since then"
        )
    elif policy.quarantines:
        assert "20 finished chunks (100 items, of which 1 failed) of the run" in told[0]


def test_timed_runs_keep_nothing(failed):
    """Trials and sweeps do not resume, and leave nothing when they fail."""
    file, function, folder = failed("serial")
    function.sign.touch()
    with pytest.raises(ItemFailed):
        run("serial", file, function, folder, ledger=False, resume=False)
    assert not generations(folder)


@pytest.mark.parametrize("chunks", [20, 3], ids=["between parts", "within a part"])
@pytest.mark.parametrize("name", ["serial", "multiprocess"])
def test_results_of_two_types_are_gone_on_with_once(tmp_path, name, chunks):
    """What fits together of a run that ended for an odd result is reused; not if that ends so again."""
    file, folder = write_items(tmp_path / "numbers.txt", 100), tmp_path / "results" / name
    mark = tmp_path / "called"
    called = []
    for _ in range(4):
        mark.mkdir()
        function = marking.CalledWith(mark, awkward.float_from_guilty_on)
        with pytest.raises(TypeError, match="float and int; return one type for every item"):
            run(name, file, function, folder, chunks=chunks)
        called.append(min(int(path.name) for path in mark.iterdir()))
        shutil.rmtree(mark)
    before = 1060 if chunks == 20 else 1034
    assert called == [1000, before] * 2


@pytest.mark.parametrize("name", IN_PROCESS)
def test_a_run_that_died_when_all_was_done_is_only_committed(tmp_path, name, died):
    """Where only the commit is lacking, no item is called again."""
    file, folder = write_items(tmp_path / "numbers.txt", 100), tmp_path / "results" / name
    died(name, file, returning.same, folder)
    record = run(name, file, returning.same, folder)
    assert record.reused_items == 100
    assert read_results(folder)["result"].tolist() == list(range(1000, 1100))


@pytest.mark.parametrize(
    ("name", "killed"), [("multiprocess", False), ("serial", True)], ids=["it ends", "it is killed"]
)
def test_one_of_two_runs_waits(root, name, killed, monkeypatch):
    """It says for whom, at once and again; it can be interrupted, and gives up in time; it goes on when the other ends.

    Of one that was killed it takes over what is done.
    """
    monkeypatch.setattr(turn, "_AGAIN_SECONDS", 0.1)
    before = root / "before"
    before.write_text("300")
    other = started(root, name, 60, str(before))
    until(lambda: len(list(runs_of(root / name).glob("*/part-*.parquet"))) >= 25)
    spec, lines = spec_of(name, root / "numbers.txt", marking.Waits(before)), []
    holder = rf"nother run \(process {other.pid} on \S+, since .*\)"

    def run(log=lines.append, **more):
        options = options_of(name, chunks=60, **more)
        how = {"log": log, "ledger": True, "resume": True}
        return run_strategy(STRATEGIES[name], spec, root / name, options, **how)

    with pytest.raises(TimeoutError, match=rf"A{holder} still writes to {root / name}, .*=0\."):
        run(lock_wait_seconds=0)
    assert lines == []
    thread = interrupted(lambda: len(lines) >= 3)
    with pytest.raises(KeyboardInterrupt):
        run()
    thread.join()
    assert re.match(rf"waits for a{holder}, which writes to .* \(for 600 s at most\)", lines[0])
    assert re.match(rf"waits for a{holder}, which writes to .* s so far\)", lines[2])

    def log(line):
        if line.startswith("waits for ") and killed:
            os.killpg(other.pid, signal.SIGKILL)
        elif line.startswith("waits for "):
            before.unlink(missing_ok=True)
        elif line.startswith("resumes: "):
            before.unlink()

    record = run(log)
    other.communicate()
    assert other.returncode == (-signal.SIGKILL if killed else 0)
    assert bool(record.reused_items) == killed
    assert left(root, name) == (0, 0)
    assert read_results(root / name)["result"].tolist() == list(range(COUNT))


@pytest.mark.parametrize("name", ["serial", "threads", "multiprocess"])
def test_what_was_made_of_a_changed_input_is_not_reused(name, tmp_path):
    """An input that was overwritten during a run, and restored: no result of what stood there between."""
    path, sign = tmp_path / "numbers.txt", tmp_path / "sign"
    write_numbers(path, 100)
    original = path.read_bytes()
    sign.touch()
    spec = FanoutSpec("squares", IntegerLines(str(path)), changing_files.Overwrites(path, sign))
    options = Options(workers=2, start_method="spawn")

    def run():
        folder = tmp_path / name
        return run_strategy(
            STRATEGIES[name], spec, folder, replace(options, chunks=20), ledger=True, resume=True
        )

    with pytest.raises(BadInput, match="was written to while it was read"):
        run()
    path.write_bytes(original)
    assert 0 < run().reused_chunks < 20
    assert read_results(tmp_path / name)["result"].tolist() == list(range(100))
