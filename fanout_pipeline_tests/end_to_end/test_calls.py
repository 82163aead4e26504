"""`fan_out` inside an asset of somebody's project, which is killed or cancelled and materialized again."""

import os
import re
import signal

import psutil

from fanout_pipeline_tests.processes import GONE_SECONDS, lives, wait_for

ITEMS = 60
MINE = """
    import dagster as dg
    from waiting import wait
    from fanout_pipeline import Options, fan_out

    how = Options(strategy="multiprocess", workers=2, chunks=20)

    @dg.asset(key=["raw", "waited"], partitions_def=dg.StaticPartitionsDefinition(["a/b"]))
    def waited(context: dg.AssetExecutionContext) -> list[int]:
        return list(fan_out(wait, range(60), context=context, options=how))

    defs = dg.Definitions(assets=[waited])
"""
WAITING = """
    import os, time
    from pathlib import Path

    def wait(item):
        data = Path(os.environ["FANOUT_DATA"])
        while item >= 45 and not (data / "go on").exists():
            time.sleep(0.1)
        with open(data / "calls.txt", "a") as calls:
            calls.write(f"{item}\\n")
        time.sleep(0.1)
        return item * item
"""
WAITED = ("asset", "materialize", "-m", "mine", "--select", "raw/waited", "--partition", "a/b")
FOLDER = "_calls/raw/waited/partition=a%2Fb/call"


def calls(guest):
    """How many calls have been made."""
    file = guest.data / "calls.txt"
    return len(file.read_text().split()) if file.exists() else 0


def ended(guest, number, more):
    """Materialize, and end it with a signal after so many more calls; what it printed."""
    before = calls(guest)
    process = guest.start("dagster", *WAITED)
    wait_for(lambda: calls(guest) >= before + more or process.poll() is not None, 120, "call")
    assert process.poll() is None, guest.output()
    family = guest.processes()
    if number == signal.SIGKILL:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    process.wait(60)
    psutil.wait_procs(family, timeout=GONE_SECONDS)
    assert not list(filter(lives, family))
    return guest.output()


def reused(output):
    """How many items a run took over, by what it printed."""
    return int(re.search(r"resumes: .* chunks \((\d+) items\)", output)[1])


def test_a_materialization_that_was_ended_goes_on(guest):
    """Cancelled and then killed, it leaves no process, and the next one calls what was not called."""
    guest.write(mine=MINE, waiting=WAITING)
    output = ended(guest, signal.SIGTERM, ITEMS // 3)
    assert re.search(r"\d+ chunks?, \d+ items are kept; materialize again", output), output
    output = ended(guest, signal.SIGKILL, ITEMS // 6)
    assert reused(output) >= ITEMS // 6
    before = calls(guest)
    (guest.data / "go on").touch()
    code, output = guest.run("dagster", *WAITED)
    assert code == 0, output
    assert reused(output) >= ITEMS // 4
    assert calls(guest) == before + ITEMS - reused(output)
    found = guest.metadata("raw/waited")
    assert [found["items"], found["reused_items"]] == [ITEMS, reused(output)]
    assert guest.results(FOLDER) == [n * n for n in range(ITEMS)]
