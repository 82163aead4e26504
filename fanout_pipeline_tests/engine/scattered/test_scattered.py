"""Chunks that somebody else's steps run, or do not: what is made visible is whole and of one version."""

import threading
import time
from dataclasses import asdict, replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from fanout_pipeline import FanoutSpec, IntegerLines, Options, read_failures, read_results
from fanout_pipeline.defs.assets.chunk_json import ANSWER
from fanout_pipeline.engine.model.errors import ItemFailed
from fanout_pipeline.engine.model.options import FAIL, FailurePolicy
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.scattered.scattered import ScatteredRun
from fanout_pipeline.results.files.atomic import CannotWrite
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline_tests.results.layout import generations

COUNT = 40
QUARANTINE = FailurePolicy(on_error="quarantine")


def fails_on_fifths(item):
    if item % 5 == 0:
        raise ValueError(item)
    return item


@pytest.fixture
def target(tmp_path):
    (tmp_path / "numbers.txt").write_text("".join(f"{n}\n" for n in range(COUNT)))
    return ResultFolder(tmp_path / "numbers" / "steps")


def spec_of(target, function, **more):
    source = IntegerLines(str(target.path.parents[1] / "numbers.txt"))
    return FanoutSpec("numbers", source, function, **more)


def joined(spec, target, run="a run", policy=FAIL, chunks=4, told=None, **options):
    """What a step of a run does first. Here gather does in its own process what no step has done."""
    return ScatteredRun.join(
        "steps",
        spec,
        target.path,
        Options(workers=2, chunks=chunks, **asdict(policy)),
        run,
        rest=STRATEGIES["serial"],
        log=(lambda line: None) if told is None else told.append,
        **options,
    )


def run_all(scattered):
    chunks = scattered.scatter()
    return [scattered.run_chunk(chunk.start, chunk.stop) for chunk in chunks]


def results(target):
    return read_results(target.path)["result"].tolist()


@pytest.mark.parametrize("policy", [FailurePolicy(), QUARANTINE])
def test_gather_can_be_repeated(target, policy):
    """A gather that ended after the results were visible may be run again, and changes nothing."""
    spec = spec_of(target, fails_on_fifths if policy.quarantines else abs)
    scattered = joined(spec, target, policy=policy)
    answers = run_all(scattered)
    first = scattered.gather(answers)
    before = {path.name: path.read_bytes() for path in target.path.iterdir()}
    for run in ("a run", "its re-execution"):
        again = joined(spec, target, run, policy, group="a run")
        second = again.gather(answers)
        assert (second.digest, second.failed) == (first.digest, first.failed)
        assert {path.name: path.read_bytes() for path in target.path.iterdir()} == before
    assert len(read_failures(target.path)) == first.failed
    assert generations(target.path) == {target.path.resolve()}


def test_what_was_made_visible_of_another_version_is_no_reason_to_stop(target):
    """A gather that is repeated after the function was mended makes all results anew."""
    scattered = joined(spec_of(target, abs), target)
    scattered.gather(run_all(scattered))
    joined(spec_of(target, float), target, "its re-execution", group="a run").gather([])
    assert results(target) == list(map(float, range(COUNT)))


def test_all_that_is_run_again_replaces_what_was_visible(target):
    """Who re-executes all of a run that succeeded sees the new results, though nothing has changed."""
    spec = spec_of(target, time_of_call)
    scattered = joined(spec, target)
    scattered.gather(run_all(scattered))
    before = results(target)
    again = joined(spec, target, "its re-execution", group="a run")
    again.gather(run_all(again))
    assert min(results(target)) > max(before)


@pytest.mark.parametrize("ran", [(), (0,), (3,), (0, 2)])
def test_gather_does_what_no_step_has_done(target, ran):
    """Schedulers skip steps that never began: the results are whole all the same, and called once."""
    called = []
    spec = spec_of(target, lambda item: called.append(item) or item)
    told = []
    scattered = joined(spec, target, told=told)
    chunks = scattered.scatter()
    answers = [scattered.run_chunk(chunks[n].start, chunks[n].stop) for n in ran]
    record = scattered.gather(answers)
    assert results(target) == list(range(COUNT))
    assert sorted(called) == list(range(COUNT))
    assert (record.items, record.reused_items) == (COUNT, 0)
    assert told == [
        f"{4 - len(ran)} chunks were not done by any step of this run with the current version of the "
        "function, its input and its settings: serial does them here"
    ]


def test_worker_processes_do_what_no_step_has_done(target):
    """As it comes gather does it beside each other."""
    spec = spec_of(target, abs)
    options = Options(workers=2, item_timeout_seconds=60)
    scattered = ScatteredRun.join("steps", spec, target.path, replace(options, chunks=4), "a run")
    first = scattered.scatter()[0]
    record = scattered.gather([scattered.run_chunk(first.start, first.stop)])
    assert results(target) == list(range(COUNT))
    assert len(record.worker_pids) == 3
    assert record.wall_seconds >= record.run_seconds > 0


def test_another_run_goes_on_with_what_a_dead_one_has_done(target):
    """The next materialization has steps for the rest only, whatever kept the last one from its end."""
    spec = spec_of(target, abs)
    dead = joined(spec, target)
    chunks = dead.scatter()
    dead.run_chunk(chunks[1].start, chunks[1].stop)
    told = []
    scattered = joined(spec, target, "the next", told=told, is_over=lambda generation: True)
    assert [(c.start, c.stop) for c in scattered.scatter()] == [
        (c.start, c.stop) for c in chunks if c.number != 1
    ]
    record = scattered.gather(run_all(scattered))
    assert told[0].startswith("resumes: 1 of 1 finished chunks (9 items) of the run ")
    assert (record.reused_chunks, record.reused_items, record.chunks) == (1, 9, 4)
    assert results(target) == list(range(COUNT))


def test_no_step_goes_by_what_a_dead_run_had_found(target):
    """Not even in the moment in which another step of its run takes over what that one has left."""
    spec = spec_of(target, abs)
    dead = joined(spec, target)
    first = dead.scatter()[0]
    dead.run_chunk(first.start, first.stop)
    taken = target.open_shared("the next", lambda generation: True, dead.begun.identity)
    assert (taken.path / "_begun.json").exists()
    assert joined(spec, target, "the next").begun.run == "the next"


@pytest.mark.parametrize("again", [True, False], ids=["a failed gather", "a fresh start"])
def test_what_a_gather_had_done_when_it_failed_is_gone_on_with(target, again):
    """Also what it did itself; who asks for a fresh start reuses nothing."""
    guilty = target.path.parent.with_name("guilty")
    guilty.touch()
    called = []

    def fails(item):
        called.append(item)
        if item == 25 and guilty.exists():
            raise ValueError(item)
        return item

    spec, told = spec_of(target, fails), []
    with pytest.raises(ItemFailed):
        joined(spec, target, told=told).gather([])
    assert told[-1] == "3 chunks, 25 of 40 items are kept; materialize again to resume"
    guilty.unlink()
    called.clear()
    record = joined(spec, target, "its re-execution", resume=again).gather([])
    assert record.reused_items == (25 if again else 0)
    assert called == list(range(record.reused_items, COUNT))
    assert results(target) == list(range(COUNT))


@pytest.mark.parametrize(
    "change", ["the function", "the input", "rates.json", "what is done with failed items"]
)
def test_a_re_execution_after_a_change_is_of_one_version(target, change):
    """Steps of before are done anew where they would be of another version, whichever step begins."""
    folder = target.path.parents[1]
    rates = folder / "rates.json"
    rates.write_text("1")
    spec = spec_of(target, lambda item: item * int(rates.read_text()), depends_on=(rates,))
    first = joined(spec, target)
    chunks = first.scatter()
    answers = [first.run_chunk(chunks[n].start, chunks[n].stop) for n in (0, 1)]
    expected, policy, reused = list(range(COUNT)), FailurePolicy(), 0
    if change == "the function":
        spec = replace(spec, function=lambda item: -item * int(rates.read_text()))
        expected = [-item for item in expected]
    elif change == "the input":
        expected = [item + 100 for item in range(COUNT)]
        (folder / "numbers.txt").write_text("".join(f"{n}\n" for n in expected))
    elif change == "rates.json":
        rates.write_text("3")
        expected = [3 * item for item in expected]
    else:
        policy, reused = QUARANTINE, 2
    told = []
    over = {"is_over": lambda generation: True, "told": told, "policy": policy}
    again = joined(spec, target, "its re-execution", **over)
    answers.append(again.run_chunk(chunks[2].start, chunks[2].stop))
    record = joined(spec, target, "its re-execution", **over).gather(answers)
    assert results(target) == expected
    assert record.reused_chunks == reused
    if not reused:
        assert told[0].endswith(f"{change if change != 'rates.json' else rates} changed since then")


def in_tens(item):
    return {"tens": [item] * (item // 10)}


def test_nested_results_of_steps_are_of_one_kind(target):
    """The chunks' kinds are put together, and what a step answers with is carried as JSON."""
    scattered = joined(spec_of(target, in_tens), target)
    answers = [ANSWER.validate_json(ANSWER.dump_json(answer)) for answer in run_all(scattered)]
    scattered.gather(answers)
    assert results(target) == list(map(in_tens, range(COUNT)))


def test_steps_whose_results_are_of_two_types_replace_nothing(target, earlier):
    """Where chunks give two types a step says so, earlier results stay, and it is not gone on with twice."""
    spec, policy = spec_of(target, lambda item: item if item < 35 else str(item)), FAIL
    for number, reused in enumerate([0, 35, 0, 35]):
        scattered = joined(spec, target, f"run {number}", policy, COUNT, is_over=lambda _: True)
        assert scattered.begun.reused_items == reused
        with pytest.raises(TypeError, match=r"int and str; .* the part that begins with item 35"):
            run_all(scattered)
        assert results(target) == earlier


def time_of_call(item):
    return time.time_ns()


@pytest.fixture
def earlier(target):
    """What is visible, of an earlier run."""
    scattered = joined(spec_of(target, abs), target, "an earlier run")
    scattered.gather(run_all(scattered))
    return list(range(COUNT))


def test_a_chunk_that_is_run_twice_is_there_once(target):
    """A step that is tried again finds what it had finished; one that outlives its run adds nothing."""
    called = []
    spec = spec_of(target, lambda item: called.append(item) or time.time_ns())
    scattered = joined(spec, target)
    answers = run_all(scattered)
    answers += run_all(scattered)
    assert len(called) == COUNT
    scattered.gather(answers)
    assert len(set(results(target))) == COUNT


def test_two_steps_with_the_same_chunk_at_once(target):
    """Each writes a part of its own, and one of them is made visible."""
    both = threading.Barrier(2)

    def slow(item):
        if item == 0:
            both.wait(60)
        return time.time_ns()

    scattered = joined(spec_of(target, slow), target)
    first, *others = scattered.scatter()
    steps = [
        threading.Thread(target=scattered.run_chunk, args=(first.start, first.stop))
        for _ in range(2)
    ]
    for step in steps:
        step.start()
    for step in steps:
        step.join()
    for chunk in others:
        scattered.run_chunk(chunk.start, chunk.stop)
    scattered.gather([])
    assert len(set(results(target))) == COUNT


@pytest.mark.parametrize("lost", ["part-*.parquet", "_failed-*.parquet"])
def test_what_is_gone_from_the_disk_is_done_again(target, lost):
    """Parts are made visible as their steps wrote them, with the list of what failed, or made anew."""
    called = []
    spec = spec_of(target, lambda item: called.append(item) or fails_on_fifths(item))
    scattered = joined(spec, target, policy=QUARANTINE)
    answers = run_all(scattered)
    gone = sorted(target.generation("a run").path.glob(lost))[0]
    gone.unlink()
    called.clear()
    scattered.gather(answers)
    assert 0 < len(called) < COUNT
    assert read_failures(target.path)["index"].tolist() == list(range(0, COUNT, 5))


def test_a_step_that_ends_after_the_commit_changes_nothing(target):
    """A step that outlives its run cannot write over what is visible, whenever it gets to it."""
    waits, goes = threading.Event(), threading.Event()

    def slow(item):
        if threading.current_thread() is orphan:
            waits.set()
            goes.wait(60)
        return time.time_ns()

    def outlive():
        try:
            scattered.run_chunk(chunks[0].start, chunks[0].stop)
        except CannotWrite as error:
            refused.append(str(error))

    refused = []
    orphan = threading.Thread(target=outlive)
    scattered = joined(spec_of(target, slow), target)
    chunks = scattered.scatter()
    orphan.start()
    assert waits.wait(60)
    scattered.gather(run_all(scattered))
    before = results(target)
    goes.set()
    orphan.join()
    assert "The folder was removed while the run wrote to it" in refused[0]
    assert results(target) == before
    assert generations(target.path) == {target.path.resolve()}


class Runs(RuleBasedStateMachine):
    """Runs and re-executions of one asset, several at once, each of which may die after any step."""

    @initialize(folder=st.integers(0, 2**60))
    def begin(self, folder):
        self.root = self.folders.mktemp(f"runs-{folder}")
        self.target = ResultFolder(self.root / "numbers" / "steps")
        self.version = 0
        self.write()
        self.alive = {}
        self.dead = []
        self.names = 0

    def write(self):
        self.input = [100 + n + 10 * (self.version // 4) for n in range(12)]
        (self.root / "numbers.txt").write_text("".join(f"{n}\n" for n in self.input))

    def join(self, name):
        version, seen = self.version % 4, self.alive.get(name)
        if seen is not None:
            version = seen
        else:
            self.alive[name] = version
        policy = FailurePolicy(retries=version % 2)
        spec = spec_of(self.target, [abs, float][version // 2])
        return joined(
            spec,
            self.target,
            name,
            policy,
            chunks=3,
            is_over=lambda generation: generation.name not in self.alive,
            group=name.partition("'")[0],
        )

    @rule(chunks=st.sets(st.integers(0, 2)))
    def materialize(self, chunks):
        self.names += 1
        self.steps(f"run {self.names}", chunks)

    @precondition(lambda self: self.dead)
    @rule(data=st.data(), chunks=st.sets(st.integers(0, 2)))
    def re_execute(self, data, chunks):
        self.steps(data.draw(st.sampled_from(self.dead)) + "'", chunks)

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), chunks=st.sets(st.integers(0, 2)))
    def go_on(self, data, chunks):
        self.steps(data.draw(st.sampled_from(sorted(self.alive))), chunks)

    def steps(self, name, chunks):
        for number in chunks:
            self.join(name).run_chunk(16 * number, 16 * (number + 1))

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def die(self, data):
        name = data.draw(st.sampled_from(sorted(self.alive)))
        del self.alive[name]
        self.dead.append(name)

    @rule(what=st.sampled_from([1, 2, 3]))
    def change_function_or_policy(self, what):
        self.version = self.version // 4 * 4 + (self.version + what) % 4

    @precondition(lambda self: not self.alive)
    @rule()
    def change_the_input(self):
        self.version += 4
        self.write()

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def gather(self, data):
        name = data.draw(st.sampled_from(sorted(self.alive)))
        self.join(name).gather([])
        function = [abs, float][self.alive[name] // 2]
        found = results(self.target)
        assert found == list(map(function, self.input))
        assert {type(result) for result in found} == {type(function(1))}
        del self.alive[name]


def test_any_interleaving_of_runs_ends_in_results_of_one_version(tmp_path_factory):
    """Runs that die, go on, are re-executed or repeated, also after changes: always whole, never mixed."""
    Runs.folders = tmp_path_factory
    case = Runs.TestCase
    case.settings = settings(
        max_examples=25,
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    case().runTest()
