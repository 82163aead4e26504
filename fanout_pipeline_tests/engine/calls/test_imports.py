"""A process that runs strategies hears every signal, whatever library is at work."""

import subprocess
import sys

PROGRAM = """
import os, random, signal, threading, time
import fanout_pipeline.engine.calls.imports
from fanout_pipeline import IntegerLines

came = []
random.seed(5)
signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
raw = b"".join(b"%d\\n" % number for number in range(4000))
source = IntegerLines("numbers.txt")

def send():
    time.sleep(random.uniform(0, 0.002))
    os.kill(os.getpid(), signal.SIGINT)

for sent in range(1, 301):
    thread = threading.Thread(target=send)
    thread.start()
    while thread.is_alive():
        source.parse(raw)
    thread.join()
    deadline = time.monotonic() + 60
    while len(came) < sent:
        assert time.monotonic() < deadline, f"signal {sent} is lost"
"""


def test_signals_that_come_while_a_chunk_is_read():
    """Ctrl-C in the middle of Arrow's parser reaches Python, and breaks nothing that holds it back."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
