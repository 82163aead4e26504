"""Results after any history equal those of a fresh run, and no call is made that need not be."""

import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fanout_pipeline import BadInput, FanoutSpec, ItemFailed, Options, Results, read_failures
from fanout_pipeline.engine.model.changes import Asked
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline_tests.chance import examples
from fanout_pipeline_tests.engine.incremental.functions import (
    CALLS,
    DIES,
    FACTOR,
    FAILING,
    Scores,
    append,
    id_of,
    score,
    told,
)
from fanout_pipeline_tests.engine.incremental.inputs import given, source_of
from fanout_pipeline_tests.engine.incremental.model import CALL, Known, Model, Row, Shown
from fanout_pipeline_tests.faults.rounds import FULL
from fanout_pipeline_tests.results.layout import generations

KINDS = ("plain", "with None", "wide", "text", "fields", "columns")
FORMS = ("table", "parquet", "rows", "json lines")
WIDENED = ("wide", "fields", "columns")
"""Of these the type may stay as wide as it was, though what has made it so is gone; `compare` has seen the values."""
QUICK = ("serial", "serial", "serial", "threads")
"""Strategies of a few milliseconds; others are tried where there is time."""

PHASES = (Phase.generate, Phase.shrink)
"""To explain a failure would take longer than to find it."""

pytestmark = [pytest.mark.slow, pytest.mark.faults]

places = st.integers(0, 10**6)
letters = st.integers(0, 9), st.integers(0, 3)
strategies = st.sampled_from(QUICK * 5 + ("auto", "multiprocess") if FULL else QUICK)


class Histories(RuleBasedStateMachine):
    """What happens to an input between runs with a key, in any order, beside the `Model` of it."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="histories-"))
        self.results = self.folder / "results" / "scores"
        self.rows = []
        self.runs = 0
        self.next_key, self.type, self.retyped = 0, int, False
        self.removed = []
        """Keys that were there."""
        self.version, self.factor, self.result_type = 1, 1, None

    def teardown(self):
        shutil.rmtree(self.folder)

    @initialize(
        form=st.sampled_from(FORMS),
        kind=st.sampled_from(KINDS),
        by_function=st.booleans(),
        omit=st.booleans(),
        once=st.booleans(),
        declared=st.sampled_from([None, None, None, "1"]),
        contents=st.lists(st.tuples(*letters), max_size=12),
    )
    def begin(self, form, kind, by_function, omit, once, declared, contents):
        self.form, self.kind, self.omit, self.declared = form, kind, omit, declared
        self.once = once
        by_function = by_function and form in ("rows", "json lines")
        self.key = id_of if by_function else "id"
        self.keep = ("note",) if by_function else ("id", "note")
        self.model = Model(self.content)
        self.say(FAILING, "")
        self.say(DIES, "")
        self.say(FACTOR, "1")
        (self.folder / CALLS).touch()
        for a, b in contents:
            self.add(len(self.rows), a, b, b == 3, False)

    # What happens to the input

    @rule(at=places, a=letters[0], b=letters[1], fails=st.booleans(), again=st.booleans())
    def add(self, at, a, b, fails, again):
        if again and self.removed:
            key = self.removed.pop()
        else:
            key, self.next_key = self.next_key, self.next_key + 1
        row = Row(self.type(key), a, b, f"note {a}")
        self.rows.insert(at % (len(self.rows) + 1), row)
        if fails:
            self.have_fail(row)

    @rule(at=places, to=places, a=letters[0])
    @precondition(lambda self: self.once and any(not row.spoilt for row in self.rows))
    def repeat(self, at, to, a):
        rows = [row for row in self.rows if not row.spoilt]
        twice = replace(rows[at % len(rows)], a=a)
        self.rows.insert(to % (len(self.rows) + 1), twice)

    @rule(at=places, a=letters[0], b=letters[1], fails=st.booleans())
    @precondition(lambda self: self.rows)
    def change(self, at, a, b, fails):
        row = self.put(at, a=a, b=b)
        if fails:
            self.have_fail(row)

    @rule(at=places, note=st.sampled_from("xyz"))
    @precondition(lambda self: self.rows)
    def change_what_is_kept(self, at, note):
        self.put(at, note=note)

    @rule(at=places)
    @precondition(lambda self: self.rows)
    def remove(self, at):
        row = self.rows.pop(at % len(self.rows))
        if not row.spoilt and all(one.key != row.key for one in self.rows):
            self.removed.append(row.key)

    @rule(how=st.sampled_from(["turned", "sorted", "moved"]), at=places, to=places)
    @precondition(lambda self: self.rows)
    def reorder(self, how, at, to):
        match how:
            case "turned":
                self.rows.reverse()
            case "sorted":
                self.rows.sort(key=lambda row: (row.a, row.b))
            case "moved":
                row = self.rows.pop(at % len(self.rows))
                self.rows.insert(to % (len(self.rows) + 1), row)

    @rule(at=places)
    @precondition(lambda self: self.form == "json lines" and self.rows)
    def spoil(self, at):
        self.rows.insert(at % (len(self.rows) + 1), Row(None, 0, 0, "", spoilt=True))

    @rule()
    @precondition(lambda self: self.key == "id")
    def write_keys_as_another_type(self):
        self.type, self.retyped = int if self.type is str else str, True
        self.rows = [
            row if row.spoilt else replace(row, key=self.type(row.key)) for row in self.rows
        ]

    # What happens to the function

    @rule(at=places)
    @precondition(lambda self: self.failing())
    def mend(self, at):
        failing = sorted(self.failing())
        failing.pop(at % len(failing))
        self.say(FAILING, "".join(f"{one}\n" for one in failing))

    @rule(version=st.integers(1, 2))
    def change_function(self, version):
        self.version = version

    @rule(factor=st.integers(1, 2))
    def change_what_it_depends_on(self, factor):
        self.factor = factor
        self.say(FACTOR, str(factor))

    @rule(result_type=st.sampled_from([None, int, float]))
    @precondition(lambda self: self.kind == "plain")
    def change_result_type(self, result_type):
        self.result_type = result_type

    # Runs

    @rule(strategy=strategies)
    def run(self, strategy):
        self.do(strategy, Asked())

    @rule(strategy=strategies)
    def run_again(self, strategy):
        self.do(strategy, Asked())

    @rule(
        strategy=strategies,
        items=st.sampled_from(["changed", "failed", "missing", "all"]),
        removed=st.sampled_from(["drop", "keep"]),
    )
    def run_as_asked(self, strategy, items, removed):
        stands = items in ("failed", "missing")
        if stands and self.model.has_other_type(self.maker):
            return  # What stands has the type of before: that is refused.
        if self.retyped:
            removed = "drop"  # So has the key of what is kept.
        self.do(strategy, Asked(items, removed))

    @rule(at=places, items=st.sampled_from(["changed", "all"]))
    @precondition(lambda self: any(not row.spoilt for row in self.rows))
    def die(self, at, items):
        rows = [row for row in self.rows if not row.spoilt]
        self.say(DIES, self.content(rows[at % len(rows)]))
        try:
            self.do("serial", Asked(items))
        finally:
            self.say(DIES, "")

    @rule(strategy=st.sampled_from(QUICK), items=st.sampled_from(["changed", "all"]))
    @precondition(lambda self: not any(row.spoilt for row in self.rows))
    def run_until_one_fails(self, strategy, items):
        self.do(strategy, Asked(items), on_error="fail")

    @rule(at=places, other=letters[0])
    @precondition(lambda self: not self.once and any(not row.spoilt for row in self.rows))
    def have_one_twice(self, at, other):
        rows = [row for row in self.rows if not row.spoilt]
        twice = replace(rows[at % len(rows)], a=other)
        link, called = self.link(), len(self.calls())
        with pytest.raises(BadInput, match=f"{twice.key}"):
            self.fan_out("serial", [*self.rows, twice], self.results)
        assert (self.link(), len(self.calls())) == (link, called)

    def do(self, strategy, asked, on_error="quarantine"):
        """Run, and compare with the model and a fresh run. Lines without any keys are refused."""
        if self.form == "json lines" and all(row.spoilt for row in self.rows):
            return
        model, maker = self.model, self.maker
        model.begin(maker)
        outcomes = model.outcomes(self.rows, self.counting, asked.items, maker)
        least, most = model.least_and_most(self.rows, outcomes)
        counted = self.expected_changes()
        link, called = self.link(), len(self.calls())
        try:
            record = self.fan_out(strategy, self.rows, self.results, on_error, asked=asked)
        except (KeyboardInterrupt, ItemFailed):
            calls = self.calls()[called:]
            assert Counter(calls) <= most, "nothing is called that need not be"
            assert self.link() == link, "what is visible stays"
            one_by_one = strategy == "serial"
            finished = calls[:-1] if one_by_one else calls
            rows = self.rows, self.counting, outcomes
            model.died(*rows, finished, maker, self.fresh_of, one_by_one)
            return
        calls = Counter(self.calls()[called:])
        assert calls <= most, "nothing is called that need not be"
        assert least <= calls, "all is called that must be"
        self.say(DIES, "")
        self.compare(asked, maker, outcomes)
        assert {name: getattr(record.changes, name) for name in counted} == counted
        assert record.changes.called == calls.total()
        assert generations(self.results) == {self.results.resolve()}
        self.runs += 1
        if self.runs % 2 and asked == Asked() and self.is_as_fresh():
            self.compare_with_fresh(record.digest, on_error)

    def compare(self, asked, maker, outcomes):
        """What is visible is what the model says, which notes what has become of each item."""
        found = seen(self.results)
        shown = []
        for index, (row, may) in enumerate(zip(self.rows, outcomes, strict=True)):
            if not may:
                shown.append(Shown(None, None, None, not row.spoilt))
                continue
            known = self.chosen(row, may, maker, found.of(index))
            if asked.items in (
                "failed",
                "missing",
            ):  # They are taken for the function's from now on.
                known = replace(known, maker=maker)
            shown.append(Shown(str(row.key), row.note, known))
        if asked.removed == "keep":
            keys = {one.key for one in shown}
            shown += [one for one in self.model.shown if one.is_good and one.key not in keys]
        self.model.commit(shown, maker)
        assert found == self.expected(shown)

    def chosen(self, row, may, maker, found):
        """Which of what may become of an item has, by its result."""
        value, failed = self.fresh_of(row)
        called = Known(self.content(row), value, failed, maker)
        possible = [called if one is CALL else one for one in may]
        alike = [one for one in possible if (one.value, one.failed) == found] or possible
        return alike[0] if alike.count(alike[0]) == len(alike) else replace(alike[0], certain=False)

    # What is seen and expected

    def fan_out(self, strategy, rows, folder, on_error="quarantine", **how):
        spec = FanoutSpec(
            "scores",
            source_of(self.form, rows, self.folder, self.keep),
            Scores(self.folder, self.version, self.kind),
            key=self.key,
            duplicates="once" if self.once else "error",
            keep=self.keep,
            unpack=self.kind == "columns",
            result_type=self.result_type,
            depends_on=(self.folder / FACTOR,),
            code_version=self.declared,
        )
        failed_items = "omit" if self.omit else "null"
        options = Options(on_error=on_error, failed_items=failed_items, workers=2)
        return run_strategy(
            STRATEGIES[strategy], spec, folder, options, ledger=True, resume=True, **how
        )

    def compare_with_fresh(self, digest, on_error):
        folder = self.folder / "fresh" / "scores"
        assert self.fan_out("serial", self.rows, folder, on_error).digest == digest
        if self.kind not in WIDENED:
            assert table_of(self.results).equals(table_of(folder))
        places = [name for name in read_failures(folder) if name in ("index", "key", "where")]
        assert read_failures(self.results)[places].equals(read_failures(folder)[places])
        ResultFolder(folder).remove()

    def is_as_fresh(self):
        """Whether no result is of a function that is declared to be the same, or of luck that has turned."""
        pairs = zip(self.rows, self.model.shown, strict=True)
        return all(
            one.known is None or self.fresh_of(row) == (one.known.value, one.known.failed)
            for row, one in pairs
        )

    def expected(self, shown):
        """What is seen of these rows."""
        there = {n: one for n, one in enumerate(shown) if not one.is_left_out}
        failed = {n for n, one in there.items() if one.known is None or one.known.failed}
        rows = {
            n: (one.key, one.note, None if n in failed else one.known.value)
            for n, one in there.items()
            if not (self.omit and n in failed)
        }
        return Seen(rows, failed)

    def expected_changes(self):
        """What the record of the next run counts. With spoilt rows, or after a death, it may be something else."""
        if self.model.dead or any(row.spoilt for row in self.rows):
            return {}
        known, counts = self.model.committed, Counter()
        for row, counts_as_one in zip(self.rows, self.counting, strict=True):
            if not counts_as_one:
                continue
            before = known.pop(str(row.key), None)
            if before is None:
                counts["new"] += 1
            elif before.content != self.content(row):
                counts["changed"] += 1
            else:
                counts["failed" if before.failed else "unchanged"] += 1
        counts["removed"] = len(known)
        return {name: counts[name] for name in ("new", "changed", "failed", "unchanged", "removed")}

    @property
    def counting(self):
        """Which rows count: those that can be read, and of those with one key the first."""
        keys = [row.key for row in self.rows]
        return [not row.spoilt and keys.index(row.key) == n for n, row in enumerate(self.rows)]

    @property
    def maker(self):
        return self.declared or self.version, self.factor, self.result_type

    def content(self, row):
        return told(given(self.form, row))

    def fresh_of(self, row):
        """What a call gives, and whether it fails."""
        if self.content(row) in self.failing():
            return None, True
        return score(given(self.form, row), self.version, self.factor, self.kind), False

    def failing(self):
        return set((self.folder / FAILING).read_text().splitlines())

    def calls(self):
        return (self.folder / CALLS).read_text().splitlines()

    def put(self, at, **fields):
        at %= len(self.rows)
        self.rows[at] = replace(self.rows[at], **fields)
        return self.rows[at]

    def have_fail(self, row):
        if not row.spoilt and self.content(row) not in self.failing():
            append(self.folder / FAILING, self.content(row))

    def say(self, name, text):
        (self.folder / name).write_text(text)

    def link(self):
        return self.results.readlink() if self.results.is_symlink() else None


@dataclass
class Seen:
    """What results show."""

    rows: dict
    """Key, note and result by their index."""
    failed: set

    def of(self, index):
        """The result of an item, and whether it failed."""
        return self.rows.get(index, (None,) * 3)[2], index in self.failed


def table_of(folder):
    with Results.of(folder) as results:
        return results.to_arrow()


def seen(folder):
    with Results.of(folder) as results:
        rows, values = results.to_arrow().to_pylist(), list(results)
    keys = (row.get("id", row.get("key")) for row in rows)
    shown = {
        row["index"]: (None if key is None else str(key), row["note"], _without_none(value))
        for row, key, value in zip(rows, keys, values, strict=True)
    }
    return Seen(shown, set(read_failures(folder)["index"]))


def _without_none(value):
    """A dict without fields that are None, None if there are no others: results do not tell them apart."""
    if isinstance(value, dict):
        return {name: inner for name, inner in value.items() if inner is not None} or None
    return value


@pytest.mark.timeout(3600)
def test_results_after_any_history():
    """After every run results are those of a fresh run; each item was called that had to be, and no other."""
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=examples(200),
            stateful_step_count=16,
            suppress_health_check=list(HealthCheck),
            phases=PHASES,
        ),
    )
