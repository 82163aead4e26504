"""How many workers a run has, at each moment of runs that are simulated: what is seen goes in, a number comes out."""

import pytest

from fanout_pipeline.engine.calls.watch import Look
from fanout_pipeline.engine.scheduling.choose import Costs
from fanout_pipeline.engine.scheduling.growth import Growth
from fanout_pipeline.engine.scheduling.shared_plan import SharedPlan
from fanout_pipeline.sources.source import Chunk


class Run:
    """One that looks on at a first chunk, of items that compute for `seconds` each."""

    def __init__(self, items=1000, cores=2, asked=None, begun=0):
        self.now = 0.0
        self.plan = SharedPlan([Chunk(0, 0, items)], 2)
        self.plan.take()
        self.size = items
        how = {"cores": cores, "asked": asked, "begun": begun, "clock": lambda: self.now}
        self.growth = Growth(self.plan, costs=Costs, items_are_units=True, **how)

    def wanted(self, seconds, *, calling=1.0, cpu=1.0):
        """How many processes are wanted in the end where calls have gone on for so long and take so much each."""
        found = 0
        for _ in range(100):
            self.now += 0.01
            calling += 0.01
            done = min(self.size - 1, int(calling / seconds))
            found = self.growth.wanted(Look(self.size, done, calling, cpu * calling))
        return found


def setup(seconds):
    return Look(1000, 0, seconds, 0.0, is_setup=True)


@pytest.mark.parametrize(("cores", "asked", "others"), [(2, None, 1), (8, None, 7), (8, 3, 2)])
def test_this_process_is_one_of_those_that_call(cores, asked, others):
    """Where each core is to compute, one process fewer is started than there are cores: this one goes on."""
    run = Run(items=10**6, cores=cores, asked=asked)
    assert run.wanted(0.1) == others
    for _ in range(others):
        run.growth.joined(0.1)
    assert run.plan.callers == 1
    assert run.growth.callers == others + 1


def test_where_all_are_processes_as_many_are_wanted_as_call():
    """A run that began in a worker process has as many as there are cores."""
    assert Run(begun=1).wanted(0.1) == 2


def test_what_is_soon_done_is_joined_by_none():
    """Nothing is started for calls that end before it could begin."""
    run = Run()
    assert run.wanted(1e-5) == 0
    assert run.growth.callers == 1


def test_one_moment_out_of_the_order_starts_nothing():
    """A machine that has stopped a process makes quick items look dear, for as long as one look."""
    run = Run()
    assert run.growth.wanted(Look(1000, 3, 0.05, 0.05)) == 0
    run.now += 0.01
    assert run.growth.wanted(Look(1000, 999, 0.06, 0.06)) == 0
    run.now += 0.1
    assert run.growth.wanted(Look(1000, 3, 0.05, 0.05)) == 0


def test_a_process_that_hampers_others_is_replaced_by_one():
    """Calls that keep the GIL keep this process from giving out chunks: once another has joined it makes no more."""
    run = Run(items=10**6)
    assert run.wanted(0.1) == 1
    run.growth.joined(0.1)
    run.growth.answered(0.01, 1.0)
    assert run.wanted(0.1) == 1
    run.growth.answered(1.0, 1.0)
    assert run.wanted(0.1) == 2
    assert run.plan.callers == 1
    run.growth.joined(0.1)
    assert run.plan.callers == 0
    assert run.growth.callers == 2


def test_others_begin_while_what_calls_are_given_is_made():
    """A setup that takes long has others start, which make theirs meanwhile; a short one, or one item, has not."""
    run = Run(cores=4, asked=3)
    assert run.growth.wanted(setup(0.05)) == 0
    assert run.growth.wanted(setup(0.5)) == 2
    assert Run(items=1, cores=4).growth.wanted(setup(0.5)) == 0
    assert Run(cores=1).growth.wanted(setup(0.5)) == 0
    assert Run(cores=2, begun=1).growth.wanted(setup(0.5)) == 2


@pytest.mark.parametrize(("cpu_seconds", "begun"), [(0.01, 1), (0.4, 0)])
def test_a_second_thread_begins_with_what_waits(cpu_seconds, begun):
    """Where threads may call, one makes its own value beside the first, unless that would take both twice as long."""
    run, threads = Run(), []
    run.growth.threads_suffice = lambda left_seconds: True
    run.growth.second_thread = lambda: threads.append(2)
    assert run.growth.wanted(Look(1000, 0, 0.5, cpu_seconds, is_setup=True)) == 0
    assert len(threads) == begun


def test_where_none_can_join_this_process_goes_on():
    """What cannot be sent is called here, and no process is asked for again."""
    run = Run()
    assert run.wanted(0.1) == 1
    run.growth.refuse("it cannot be sent")
    assert run.wanted(0.1) == 0
    assert run.growth.callers == 1
