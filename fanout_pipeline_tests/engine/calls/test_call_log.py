"""What a worker was doing can be read by its parent, also when the worker cannot say it any more."""

import os
import signal
import subprocess
import sys

import pytest

from fanout_pipeline.engine.calls.call_log import ASK_FOR_STACK, Announce, Call, CallLog, Recorder


@pytest.fixture
def box():
    box = CallLog()
    yield box
    box.close()


@pytest.fixture
def recorder(box, monkeypatch):
    """In this process, whose own fault handler is left alone."""
    import faulthandler

    monkeypatch.setattr(faulthandler, "enable", lambda *args, **kwargs: None)
    monkeypatch.setattr(faulthandler, "register", lambda *args, **kwargs: None)
    recorder = Recorder(box.descriptor)
    box.shared()
    return recorder


def test_nothing_is_announced_unless_asked_for(box, recorder):
    """Which chunk was begun is known, and calls only where that was asked for."""
    assert not box.has_begun(0)
    recorder.begin(0, Announce.NOTHING)
    assert box.has_begun(0)
    items = [5, 6, 7]
    assert recorder.announced(items, 0, slow=True) is items
    assert box.call() is None
    assert not box.has_called


def test_each_item_is_announced_before_its_call(box, recorder):
    """The position in the chunk is there during the call, and gone after the last."""
    recorder.begin(3, Announce.EACH)
    assert box.call() is None
    seen = [box.call() for _ in recorder.announced("abc", 10, slow=False)]
    assert seen == [Call(10, 0), Call(11, 0), Call(12, 0)]
    assert box.call() is None
    assert box.has_called
    recorder.begin(4, Announce.EACH)
    assert not box.has_called
    assert not box.has_begun(3)


def test_quick_items_are_announced_by_the_slice(box, recorder):
    """What takes no time is not told item by item; that a slice has begun is."""
    recorder.begin(3, Announce.SLOW)
    calls = []
    for first in (0, 3):
        items = recorder.announced("abc", first, slow=False)
        assert items == "abc"
        calls.append(box.call())
    assert [call.item for call in calls] == [None, None]
    assert len(set(calls)) == 2
    assert [box.call().item for _ in recorder.announced("abc", 6, slow=True)] == [6, 7, 8]


def test_a_further_call_is_another(box, recorder):
    """A retry has its time for itself, and so has the wait before it."""
    recorder.begin(3, Announce.EACH)
    next(iter(recorder.announced("abc", 0, slow=True)))
    first = box.call()
    recorder.rest()
    assert box.call() is None
    recorder.again(0)
    assert box.call().item == first.item == 0
    assert box.call() != first


PROGRAM = """
import os, sys, signal, time
from fanout_pipeline.engine.calls.call_log import Recorder
recorder = Recorder(int(sys.argv[1]))
def ends_or_waits():
    print("there", flush=True)
    os.kill(os.getpid(), int(sys.argv[2])) if int(sys.argv[2]) else time.sleep(60)
ends_or_waits()
"""


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, 0])
def test_the_stack_is_left_behind(number, box):
    """A worker that crashes leaves its stack; one that hangs does when it is asked."""
    command = [sys.executable, "-c", PROGRAM, str(box.descriptor), str(int(number))]
    with subprocess.Popen(
        command,
        pass_fds=[box.descriptor],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.getcwd()},
    ) as worker:
        box.shared()
        assert worker.stdout.readline() == b"there\n"
        if not number:
            worker.send_signal(ASK_FOR_STACK)
            while "in <module>" not in box.stack():
                assert worker.poll() is None
            worker.kill()
        worker.wait()
    assert "in ends_or_waits\n" in box.stack()
    assert box.stack().count("Extension modules") == 0
