"""Any interleaving of runs that write, die, resume and commit ends in one run's results, whole."""

import shutil
import tempfile
from contextlib import ExitStack
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

from fanout_pipeline.fanout.numbering import CountedRanges
from fanout_pipeline.fanout.resuming import finished_before, unfinished
from fanout_pipeline.parts import Manifest, ResultFolder, read_results
from fanout_pipeline.parts.ledger import LEDGER
from fanout_pipeline.parts.numbered import Numbered
from fanout_pipeline.parts.writing import write_part
from fanout_pipeline.sources.source import Chunk

COUNTS = ([1, 0, 2, 1, 0, 0, 3, 1, 1, 2], [2, 2, 0, 1, 4, 1, 0, 1, 1, 1])
"""How many items each unit of the input has, in two versions of it."""
FIRSTS = [[0, *accumulate(counts)] for counts in COUNTS]
UNITS = 10


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
        self.parts = Numbered(self.generation, self.finished)
        self.ranges = CountedRanges(self.finished)
        self.number = 1 + max((one.part.number for one in self.finished), default=-1)
        self.told = sum(one.part.items for one in self.finished)

    def write(self, place, size):
        """Write a part of at most `size` units from one of the gaps."""
        start, stop = self.left.pop(place % len(self.left))
        if start + size < stop:
            self.left.append((start + size, stop))
            stop = start + size
        version = self.identity["the input"]
        first, items = FIRSTS[version][start], FIRSTS[version][stop] - FIRSTS[version][start]
        self.ranges.add(Chunk(0, start, stop), items)
        assert self.ranges.first_index(Chunk(0, start, stop)) in (None, first)
        values = expected(self.identity)[first : first + items]
        part = write_part(self.generation, self.number, first, values)
        self.number += 1
        return start, stop, part

    def tell(self, start, stop, part):
        self.parts.add(start, stop, part)
        self.told += part.items

    def all_written(self):
        while self.left:
            self.tell(*self.write(0, UNITS))
        return Manifest("test", tuple(self.parts.in_order()))

    def kill(self):
        """Leave the folder as SIGKILL would: nothing is cleaned up, the lock is free."""
        with tempfile.TemporaryDirectory() as aside:
            copy = shutil.copytree(self.generation, Path(aside) / "copy")
            self.stack.close()
            shutil.rmtree(self.generation, ignore_errors=True)
            shutil.copytree(copy, self.generation)


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
        (generation / ".part-00000.parquet.0123.tmp").write_bytes(b"half")
        (generation / f"part-{amount:05d}.parquet").write_bytes(b"of nobody")
    elif damage and files:
        file = files[amount % len(files)]
        file.write_bytes(file.read_bytes()[:-amount])
        if damage == "lost":
            file.unlink()


def expected(identity):
    """Results that tell what they were made from."""
    number = 1000 * (10 * identity["the input"] + identity["the function"])
    return [number + n for n in range(FIRSTS[identity["the input"]][-1])]


class Ledgers(RuleBasedStateMachine):
    runs = Bundle("runs")

    @initialize()
    def new(self):
        self.root = Path(tempfile.mkdtemp())
        self.folder = ResultFolder(self.root / "squares" / "threads")
        self.identity = {"the input": 0, "the function": 0, "the number of chunks": None}
        self.visible = None
        self.alive = []
        self.dead = []
        """Of dead runs: identity, items told of, whether that is all there."""

    @rule(target=runs, resume=st.booleans())
    def start(self, resume):
        run = Run(self.folder, dict(self.identity), resume)
        usable = [one for one in self.dead if resume and one[0] == self.identity and one[1]]
        if all(whole for _, _, whole in usable):
            assert run.told == max((items for _, items, _ in usable), default=0)
        self.dead = []
        self.alive.append(run)
        return run

    @rule(
        what=st.sampled_from(["the input", "the function", "the number of chunks"]),
        value=st.integers(0, 1),
    )
    def change(self, what, value):
        self.identity[what] = value

    @rule(run=runs, place=st.integers(0, 5), size=st.integers(1, 6))
    def finish_part(self, run, place, size):
        if run in self.alive and run.left:
            run.tell(*run.write(place, size))

    @rule(run=consumes(runs))
    def fail(self, run):
        if self.ended(run):
            try:
                with run.stack:
                    raise Died
            except Died:
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
        if moment == "writing" and run.left:
            run.write(amount, 2)
        if moment in ("numbered", "manifest", "committed"):
            manifest = run.all_written()
        if moment == "manifest":
            manifest.save(run.generation)
        if moment == "committed":
            self.folder.commit(run.generation, manifest)
            self.visible = run.identity
            run.kill()
            return
        run.kill()
        damaged(run.generation, damage, amount)
        # Parts without items go when parts get their final numbers.
        self.dead.append((run.identity, run.told, damage in ("", "litter")))

    @rule(run=consumes(runs))
    def commit(self, run):
        if self.ended(run):
            with run.stack:
                self.folder.commit(run.generation, run.all_written())
            self.visible = run.identity

    def ended(self, run):
        if run in self.alive:
            self.alive.remove(run)
            return True
        return False

    @precondition(lambda self: self.visible is not None)
    @invariant()
    def one_run_is_visible(self):
        assert read_results(self.folder.path)["result"].tolist() == expected(self.visible)

    def teardown(self):
        """Whatever happened: a run that resumes gives the right results, and nothing else is left."""
        if not hasattr(self, "root"):
            return
        for run in self.alive:
            run.kill()
        run = Run(self.folder, self.identity, True)
        with run.stack:
            self.folder.commit(run.generation, run.all_written())
        assert read_results(self.folder.path)["result"].tolist() == expected(self.identity)
        hidden = self.folder.path.with_name(".threads")
        assert {path.name for path in hidden.iterdir()} == {
            ".lock",
            self.folder.path.resolve().name,
        }
        names = {path.name for path in self.folder.path.iterdir()}
        assert names == {
            "_manifest.json",
            *(f"part-{n:05d}.parquet" for n in range(len(self.folder.manifest().parts))),
        }
        shutil.rmtree(self.root)


Ledgers.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestLedgers = Ledgers.TestCase
