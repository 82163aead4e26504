"""Messages arrive whole and in order, and the end of the other side is noticed."""

import os
import socket
import threading

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fanout_pipeline.engine.workers.protocol import Channel
from fanout_pipeline_tests.chance import examples

MESSAGES = st.lists(st.binary(max_size=50) | st.integers(0, 300_000).map(bytes), max_size=8)


def pair():
    ours, theirs = socket.socketpair()
    return Channel(ours.detach()), Channel(theirs.detach())


@pytest.fixture
def ends():
    ours, theirs = pair()
    yield ours, theirs
    for end in (ours, theirs):
        try:
            end.close()
        except OSError:  # the test has closed it
            continue


def send_all(channel, messages):
    thread = threading.Thread(target=lambda: [channel.send(one) for one in messages])
    thread.start()
    return thread


@settings(deadline=None, max_examples=examples(40))
@given(out=MESSAGES, back=MESSAGES)
@example([b"", bytes(5_000_000), b"x"], [os.urandom(3_000_001), b"", b""])
def test_messages_arrive_whole_and_in_order(out, back):
    """Whatever is sent, in both directions at a time, arrives as it was sent."""
    ours, theirs = pair()
    senders = [send_all(ours, out), send_all(theirs, back)]
    answers = []
    reader = threading.Thread(target=lambda: answers.extend(ours.receive() for _ in back))
    reader.start()
    assert [theirs.receive() for _ in out] == out
    for thread in (*senders, reader):
        thread.join()
    assert answers == back
    ours.close()
    theirs.close()


def test_a_closed_channel_ends(ends):
    """What was sent before the other end was closed arrives; then there is an EOFError."""
    ours, theirs = ends
    theirs.send(b"last")
    theirs.close()
    assert ours.receive() == b"last"
    with pytest.raises(EOFError):
        ours.receive()


@pytest.mark.parametrize("cut", [1, 7, 8, 9, 1_000_000])
def test_a_message_that_breaks_off_is_no_message(ends, cut):
    """A process that dies while it sends leaves no half message behind, but an EOFError."""
    ours, theirs = ends
    whole = (2_000_000).to_bytes(8) + bytes(2_000_000)

    def send_some_and_die():
        left = memoryview(whole[:cut])
        while left:
            left = left[os.write(theirs.fileno(), left) :]
        theirs.close()

    thread = threading.Thread(target=send_some_and_die)
    thread.start()
    with pytest.raises(EOFError):
        ours.receive()
    thread.join()


def test_sending_to_a_closed_channel_fails(ends):
    """Who sends to a process that is gone is told so, and is not ended by a signal."""
    ours, theirs = ends
    theirs.close()
    with pytest.raises(OSError, match="Broken pipe"):
        ours.send(b"anyone there?")


@settings(deadline=None, max_examples=examples(60))
@given(st.lists(st.binary(max_size=30), max_size=6), st.lists(st.integers(1, 40), max_size=30))
@example([b"", b"ab"], [8, 4, 4, 1, 1])
def test_what_is_ready_is_taken_without_waiting(messages, pieces):
    """However a message comes in pieces, nobody waits for the rest of it, and none is lost."""
    ours, theirs = pair()
    stream = b"".join(len(one).to_bytes(8) + one for one in messages)
    received = []
    for size in [*pieces, len(stream)]:
        if stream:
            os.write(theirs.fileno(), stream[:size])
        stream = stream[size:]
        while (message := ours.receive_ready()) is not None:
            received.append(message)
    assert received == messages
    theirs.close()
    with pytest.raises(EOFError):
        ours.receive_ready()
    ours.close()
