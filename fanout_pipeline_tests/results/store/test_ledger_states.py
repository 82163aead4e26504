"""Any interleaving of runs that write, die, resume and commit ends in one run's results, whole."""

import shutil
import tempfile
from contextlib import ExitStack, suppress
from copy import deepcopy
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
)

from fanout_pipeline import read_failures, read_results
from fanout_pipeline.engine.scheduling.resume import finished_before, unfinished
from fanout_pipeline.results.store.collector import PartCollector
from fanout_pipeline.results.store.failed_items import failed_items
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.store.ledger import LEDGER, Identity
from fanout_pipeline.results.store.manifest import Manifest
from fanout_pipeline.results.write import write_part
from fanout_pipeline.sources.source import Chunk
from fanout_pipeline_tests.chance import examples
from fanout_pipeline_tests.results.layout import runs_of

COUNTS = ([1, 0, 2, 1, 0, 0, 3, 1, 1, 2], [2, 2, 0, 1, 4, 1, 0, 1, 1, 1])
"""How many items each unit of the input has, in two versions of it."""
FIRSTS = [[0, *accumulate(counts)] for counts in COUNTS]
UNITS = 10
GUILTY = {2, 3, 8}
"""Items that fail, by their indexes."""
POLICIES = ("fail", "null", "omit", "null, too")
"""What becomes of them: the run ends, or the results have a null or no row for each."""


class Died(BaseException):
    pass


class Run:
    """What `run_strategy` does, in steps."""

    def __init__(self, folder, identity, resume):
        self.identity = identity
        self.stack = ExitStack()
        self.folder = folder
        self.generation = self.stack.enter_context(
            folder.writing(identity if resume else None, str)
        )
        self.finished = finished_before(self.generation, identity, str)
        whole = (Chunk(0, 0, 5), Chunk(1, 5, UNITS))
        self.left = [(c.start, c.stop) for c in unfinished(whole, self.finished)]
        self.parts = PartCollector(self.generation, self.finished)
        self.number = 1 + max((one.part.number for one in self.finished), default=-1)
        self.told = [one.part for one in self.finished]

    def write(self, place, size):
        """Write a part of at most `size` units from one of the gaps, or die of a guilty item."""
        start, stop = self.left.pop(place % len(self.left))
        if start + size < stop:
            self.left.append((start + size, stop))
            stop = start + size
        firsts = FIRSTS[self.identity.results["the input"]]
        first, items = firsts[start], firsts[stop] - firsts[start]
        guilty = sorted(GUILTY & set(range(first, first + items)))
        if guilty and policy(self.identity) == "fail":
            raise Died
        if guilty:
            with failed_items(self.generation, self.number) as write:
                for index in guilty:
                    write(failure(self.identity, index))
        rows = expected(self.identity)
        values = [rows[index] for index in range(first, first + items) if index in rows]
        omitted = [n for n in range(items) if first + n not in rows]
        part = write_part(self.generation, self.number, first, values, omitted)
        self.number += 1
        return start, stop, replace(part, failed=len(guilty))

    def tell(self, start, stop, part):
        self.parts.add(start, stop, part)
        self.told.append(part)

    def all_written(self):
        while self.left:
            self.tell(*self.write(0, UNITS))
        return Manifest("test", tuple(self.parts.in_order()))

    def kill(self):
        """Leave the folder as SIGKILL would: nothing is cleaned up, the lock is free."""
        with tempfile.TemporaryDirectory() as aside:
            copy = shutil.copytree(self.generation.path, Path(aside) / "copy")
            self.stack.close()
            shutil.rmtree(self.generation.path, ignore_errors=True)
            shutil.copytree(copy, self.generation.path)


def damaged(generation, damage, amount):
    """What a power cut, or a worker that outlived its run for a moment, may have done."""
    files = sorted(generation.glob("part-*"))
    ledger = generation / LEDGER
    data = ledger.read_bytes()
    if damage == "line":
        ledger.write_bytes(data[:-amount])
    elif damage == "zeros":
        ledger.write_bytes(data[:-amount] + bytes(min(amount, len(data))))
    elif damage == "litter":
        (generation / "_part-00000.parquet.0123.tmp").write_bytes(b"half")
        (generation / f"part-{1000 + amount:05d}.parquet").write_bytes(b"of nobody")
    elif damage and files:
        file = files[amount % len(files)]
        file.write_bytes(file.read_bytes()[:-amount])
        if damage == "lost":
            file.unlink()


def policy(identity):
    return POLICIES[identity.failures["what is done with failed items"]]


def expected(identity):
    """Results by their indexes, which tell what they were made from."""
    input_, function = (identity.results[name] for name in ("the input", "the function"))
    number = 1000 * (10 * input_ + function)
    rows = {n: number + n for n in range(FIRSTS[input_][-1])}
    if policy(identity) == "omit":
        return {index: result for index, result in rows.items() if index not in GUILTY}
    return rows | dict.fromkeys(GUILTY)


def failure(identity, index):
    """A row of failures, which tells of what policy it is."""
    made_from = str(identity.results | identity.failures)
    texts = dict.fromkeys(("where", "item", "error_type", "traceback"), "")
    return {"index": index, "message": made_from} | texts


def items(parts):
    return sum(part.items for part in parts)


def assert_results(folder, identity):
    """What is visible is all of one identity, to the last row."""
    frame = read_results(folder.path)
    results = frame["result"].astype(object).where(frame["result"].notna(), None)
    rows = expected(identity)
    assert list(zip(frame["index"], results, strict=True)) == sorted(rows.items())
    failures = read_failures(folder.path)[["index", "message"]].to_dict("records")
    told = [failure(identity, index) for index in sorted(GUILTY)]
    assert failures == [{name: row[name] for name in ("index", "message")} for row in told]


class Ledgers(RuleBasedStateMachine):
    runs = Bundle("runs")

    @initialize(policy=st.integers(0, len(POLICIES) - 1))
    def new(self, policy):
        self.root = Path(tempfile.mkdtemp())
        self.folder = ResultFolder(self.root / "squares" / "threads")
        self.identity = Identity(
            {"the input": 0, "the function": 0, "the number of chunks": None},
            {"what is done with failed items": policy},
        )
        self.visible = None
        self.alive = []
        self.dead = []
        """Of dead runs: identity, parts told of, whether that is all there."""

    @rule(target=runs, resume=st.booleans())
    def start(self, resume):
        run = Run(self.folder, deepcopy(self.identity), resume)
        same = [one for one in self.dead if resume and one[0].results == self.identity.results]
        if all(whole for _, _, whole in same):
            assert items(run.told) == max((self.usable(*one) for one in same), default=0)
        self.dead = []
        self.alive.append(run)
        return run

    def usable(self, identity, parts, whole):
        """How many items of a dead run can be reused."""
        same = identity.failures == self.identity.failures
        return items(part for part in parts if same or not part.failed)

    @rule(
        what=st.sampled_from(["the input", "the function", "the number of chunks"]),
        value=st.integers(0, 1),
    )
    def change(self, what, value):
        self.identity.results[what] = value

    @rule(value=st.integers(0, len(POLICIES) - 1))
    def change_policy(self, value):
        self.identity.failures["what is done with failed items"] = value

    @rule(run=runs, place=st.integers(0, 5), size=st.integers(1, 6))
    def finish_part(self, run, place, size):
        if run in self.alive and run.left:
            try:
                run.tell(*run.write(place, size))
            except Died:
                self.alive.remove(run)
                self.fails(run)

    @rule(run=consumes(runs))
    def fail(self, run):
        if self.ended(run):
            self.fails(run)

    def fails(self, run):
        with suppress(Died), run.stack:
            raise Died
        self.dead.append((run.identity, run.told, True))

    @rule(
        run=consumes(runs),
        moment=st.sampled_from(["between", "writing", "numbered", "manifest", "committed"]),
        damage=st.sampled_from(["", "", "line", "zeros", "lost", "torn", "litter"]),
        amount=st.integers(1, 400),
    )
    def kill(self, run, moment, damage, amount):
        if not self.ended(run):
            return
        try:
            if moment == "writing" and run.left:
                run.write(amount, 2)
            if moment in ("numbered", "manifest", "committed"):
                manifest = run.all_written()
        except Died:  # of a guilty item, before it could be killed
            self.fails(run)
            return
        if moment == "manifest":
            manifest.save(run.generation)
        if moment == "committed":
            self.folder.commit(run.generation, manifest)
            self.visible = run.identity
            run.kill()
            return
        run.kill()
        damaged(run.generation.path, damage, amount)
        # Failed items are not looked for under another number than that of their part.
        moved = moment in ("numbered", "manifest") and any(part.failed for part in run.told)
        self.dead.append((run.identity, run.told, damage in ("", "litter") and not moved))

    @rule(run=consumes(runs))
    def commit(self, run):
        if self.ended(run):
            try:
                manifest = run.all_written()
            except Died:
                self.fails(run)
                return
            with run.stack:
                self.folder.commit(run.generation, manifest)
            self.visible = run.identity

    def ended(self, run):
        if run in self.alive:
            self.alive.remove(run)
            return True
        return False

    @precondition(lambda self: self.visible is not None)
    @invariant()
    def one_run_is_visible(self):
        assert_results(self.folder, self.visible)

    def teardown(self):
        """Whatever happened: runs that die and resume, each under another policy, end in the results of
        the last, and nothing else is left."""
        if not hasattr(self, "root"):
            return
        for run in tuple(self.alive):
            self.kill(run, "between", "", 1)
        for name in ("null", "omit", "null"):
            self.change_policy(POLICIES.index(name))
            run = self.start(True)
            self.finish_part(run, 0, 3)
            self.finish_part(run, 0, 3)
            self.kill(run, "between", "", 1)
        self.change_policy(POLICIES.index("null, too"))
        self.commit(self.start(True))
        assert_results(self.folder, self.identity)
        runs = runs_of(self.folder.path)
        assert {path.name for path in runs.iterdir()} == {
            "_lock",
            self.folder.path.resolve().name,
        }
        names = {path.name for path in self.folder.path.iterdir()}
        assert names == {
            "_manifest.json",
            "_failures.parquet",
            *(f"part-{n:05d}.parquet" for n in range(len(self.folder.manifest().parts))),
        }
        shutil.rmtree(self.root)


Ledgers.TestCase.settings = settings(
    max_examples=examples(40), stateful_step_count=25, deadline=None
)
TestLedgers = Ledgers.TestCase
