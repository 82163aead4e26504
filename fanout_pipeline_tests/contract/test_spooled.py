"""What cannot be cut in place: calls go on with what has arrived, and a run that ends loses none of it."""

import gzip
import os
import re
import signal
import subprocess
import sys
import threading
from itertools import count
from pathlib import Path

import pytest

from fanout_pipeline import BadInput, IntegerLines, TextLines, read_failures, read_results
from fanout_pipeline.engine.model.errors import ItemFailed
from fanout_pipeline.engine.model.options import FailurePolicy
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.scattered.scattered import ScatteredRun
from fanout_pipeline.engine.suitability import Unsupported
from fanout_pipeline.sources.memory import as_source
from fanout_pipeline.sources.spool.spool import DATA
from fanout_pipeline_tests.contract.cases import every_strategy
from fanout_pipeline_tests.contract.functions.marking import Marks
from fanout_pipeline_tests.contract.functions.returning import same, sleeps_1_ms, sleeps_5_ms
from fanout_pipeline_tests.contract.runs import options_of, spec_of
from fanout_pipeline_tests.processes import until
from fanout_pipeline_tests.results.layout import generations, parts_told

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.usefixtures("leaves_nothing")


def run(name, source, folder, function=same, log=print, **more):
    spec, options = spec_of(name, source, function), options_of(name, **more)
    how = {"ledger": True, "resume": True}
    return run_strategy(STRATEGIES[name], spec, folder, options, log=log, **how)


@every_strategy
def test_calls_go_on_with_what_has_arrived(tmp_path, name):
    """An item is called before the next is there, which may be made from its result."""

    def items():
        for number in range(3):
            yield number
            until(lambda number=number: number in marks.seen())

    marks = Marks(tmp_path / "marks")
    record = run(name, as_source(items()), tmp_path / name, marks)
    assert record.items == 3
    assert read_results(tmp_path / name)["result"].tolist() == [0, 1, 2]


def failing(items, ready):
    """Raises once `ready()`: something is there then that can be reused."""
    yield from range(items)
    until(ready)
    raise ConnectionError("gone")


@every_strategy
def test_an_iterator_that_fails(tmp_path, name):
    """What it gave is called before the run ends with its error, and not called again; nothing is visible before."""
    marks, folder = Marks(tmp_path / "marks"), tmp_path / name
    # asyncio writes no part of a chunk in which calls are in flight.
    ready = marks.seen if name == "asyncio" else lambda: parts_told(tmp_path)
    with pytest.raises(
        BadInput, match=r"the generator raised ConnectionError after 400 items: gone"
    ):
        run(name, as_source(failing(400, ready)), folder, marks)
    assert not folder.exists()
    assert len(marks.seen()) == 400
    again = run(name, as_source(n for n in range(500)), folder, marks)
    assert (again.items, again.reused_items) == (500, 400)
    assert len(marks.seen()) == 500
    assert read_results(folder)["result"].tolist() == list(range(500))
    assert generations(folder) == {folder.resolve()}


@pytest.mark.parametrize("name", ["serial", "multiprocess"])
def test_other_items_are_not_taken_for_the_same(tmp_path, name):
    """What differs is called, with all after it; the log says from where on."""
    marks, folder, told = Marks(tmp_path / "marks"), tmp_path / name, []
    with pytest.raises(BadInput):
        run(name, as_source(failing(400, lambda: parts_told(tmp_path))), folder, marks)
    other = [-1, *range(1, 450)]
    again = run(name, as_source(iter(other)), folder, marks, told.append)
    assert again.reused_items == 0
    assert read_results(folder)["result"].tolist() == other
    assert any("differs, after the first 0 items" in line for line in told)


def write_cut_short(path, lines, share):
    whole = gzip.compress("".join(f"{line}\n" for line in lines).encode(), 1)
    path.write_bytes(whole[: round(share * len(whole))])
    return whole


@every_strategy
def test_a_compressed_file_that_was_cut_short(tmp_path, name):
    """The error says how much of it could be read; once it is whole the run goes on."""
    path, folder = tmp_path / "numbers.txt.gz", tmp_path / name
    whole = write_cut_short(path, range(400_000), 0.9)
    message = rf"{path} cannot be decompressed after [\d,]+ bytes of text \(.*\)\. It is damaged, cut short"
    with pytest.raises(BadInput, match=message):
        run(name, IntegerLines(str(path)), folder)
    path.write_bytes(whole)
    again = run(name, IntegerLines(str(path)), folder)
    assert again.items == 400_000
    assert read_results(folder)["result"].tolist() == list(range(400_000))


def test_a_folder_of_files_some_of_which_are_compressed(tmp_path):
    """They are one input, in the order of their paths; a failed item is in a line of one of them."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"\xef\xbb\xbf1\n2")
    with gzip.open(folder / "b.txt.gz", "wt") as file:
        file.write("3\nx\n5\n")
    (folder / "c.txt.gz").write_bytes(gzip.compress(b""))
    with gzip.open(folder / "d.gz", "wb") as file:
        file.write(b"\xef\xbb\xbf6\r\n7")
    policy = FailurePolicy(on_error="quarantine")
    run("serial", IntegerLines(str(folder)), tmp_path / "out", failures=policy)
    found = read_results(tmp_path / "out")["result"].tolist()
    assert found == [1, 2, 3, None, 5, 6, 7]
    failed = read_failures(tmp_path / "out")
    assert failed["where"].tolist() == [f"line 2 of {folder / 'b.txt.gz'}"]
    assert failed["index"].tolist() == [3]


@pytest.mark.parametrize("lines", [["a" * 3_000_000, "", "b"], ["", ""], ["\x0b"], []])
def test_lines_of_any_length(tmp_path, lines):
    """Also those that are longer than what is decompressed at a time."""
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    run("threads", TextLines(str(path)), tmp_path / "out", len)
    whole = tmp_path / "a.txt"
    whole.write_text("\n".join(lines))
    run("threads", TextLines(str(whole)), tmp_path / "whole", len)
    assert read_results(tmp_path / "out").equals(read_results(tmp_path / "whole"))


def test_text_of_another_encoding(tmp_path):
    """The mark at the beginning says so, compressed or not."""
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress("1\n".encode("utf-16")))
    with pytest.raises(BadInput, match=r"a\.txt\.gz is UTF-16"):
        run("serial", TextLines(str(path)), tmp_path / "out")


def test_a_compressed_file_that_changes(tmp_path):
    """Whoever writes to it meanwhile learns that, as of any file."""
    path = tmp_path / "numbers.txt.gz"
    path.write_bytes(gzip.compress(b"1\n2\n"))

    def write(number):
        path.write_bytes(gzip.compress(b"3\n"))
        return number

    with pytest.raises(BadInput, match=r"numbers\.txt\.gz .* while it was read"):
        run("serial", IntegerLines(str(path)), tmp_path / "out", write)


@pytest.mark.parametrize("name", ["serial", "threads", "multiprocess"])
def test_so_many_chunks_as_were_asked_for(tmp_path, name):
    """All is spooled first then: how long it is decides where it is cut."""
    assert run(name, as_source(iter(range(100))), tmp_path / name, chunks=7).chunks == 7


def test_progress_of_what_has_no_known_length(tmp_path):
    """A line says how many items were done so far; of a list, which share."""
    told = []
    run("serial", as_source(sleeps_5_ms(n) for n in range(500)), tmp_path / "a", log=told.append)
    assert any(re.fullmatch(r"serial: [\d,]+ items so far, [\d,]+ items/s", line) for line in told)
    told.clear()
    run("serial", as_source(list(range(500))), tmp_path / "b", sleeps_5_ms, told.append)
    assert any(re.match(r"serial: [1-9]\d?%, ", line) for line in told)


def test_warm_runs_ask_once(tmp_path):
    """A crew that runs three times reads one spool."""
    asked = count()

    class Asked:
        def __iter__(self):
            next(asked)
            yield from range(50)

    spec = spec_of("multiprocess", as_source(Asked()), same)
    strategy = STRATEGIES["multiprocess"]
    record = run_strategy(strategy, spec, tmp_path / "out", options_of("multiprocess"), warm_runs=2)
    assert (next(asked), len(record.warm_seconds)) == (1, 2)
    assert read_results(tmp_path / "out")["result"].tolist() == list(range(50))
    assert [
        path.name for path in (tmp_path / "out").resolve().iterdir() if "spool" in path.name
    ] == []


def test_what_needs_all_chunks_beforehand_refuses(tmp_path):
    """Steps of Dagster are cut before they begin; a baseline reads an iterator in another process."""
    spec = spec_of("multiprocess", as_source([1, 2]), same)
    with pytest.raises(Unsupported, match=r"cannot be cut where it is\. Use multiprocess"):
        ScatteredRun.join(
            "dagster_multiprocess", spec, tmp_path / "out", options_of("multiprocess"), "run"
        )
    spec = spec_of("pool_map", as_source(n for n in (1, 2)), same)
    with pytest.raises(Unsupported, match="Use multiprocess"):
        run_strategy(STRATEGIES["pool_map"], spec, tmp_path / "out", options_of("pool_map"))


PROGRAM = """
import sys, time
from pathlib import Path
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.results.store.ledger import LEDGER
from fanout_pipeline.sources.memory import as_source
from fanout_pipeline_tests.contract.functions.marking import Marks
from fanout_pipeline_tests.contract.runs import options_of, spec_of

root, name = Path(sys.argv[1]), sys.argv[2]

def items():
    for number in range(600):
        yield number
        while number == 300 and not (root / "go on").exists():
            time.sleep(0.01)

spec = spec_of(name, as_source(items()), Marks(root / "marks"))
how = dict(ledger=True, resume=True)
run = run_strategy(STRATEGIES[name], spec, root / name, options_of(name), log=print, **how)
print("reused", run.reused_items, flush=True)
"""


def started(root, name):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, root, name],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("name", ["serial", "multiprocess"])
def test_a_process_that_is_ended_while_it_spools(tmp_path, name, sign):
    """No process is left, nor a copy of the input once the next run has begun, which calls on with the rest."""
    marks = Marks(tmp_path / "marks")
    process = started(tmp_path, name)
    until(lambda: parts_told(tmp_path))
    os.kill(process.pid, sign)
    process.communicate(timeout=120)
    before = len(marks.seen())
    assert before < 600
    if sign == signal.SIGINT:
        assert list(tmp_path.rglob(DATA)) == []
    (tmp_path / "go on").touch()
    again = started(tmp_path, name)
    told, _ = again.communicate(timeout=240)
    reused = int(re.search(r"^reused (\d+)", told, re.MULTILINE)[1])
    assert again.returncode == 0, told
    assert 0 < reused <= before
    assert len(marks.seen()) - before == 600 - reused
    assert read_results(tmp_path / name)["result"].tolist() == list(range(600))
    assert generations(tmp_path / name) == {(tmp_path / name).resolve()}
    assert list(tmp_path.rglob("*spool*")) == []


def test_a_call_that_fails_ends_the_spool(tmp_path):
    """An endless iterator is left alone."""
    spec = spec_of("threads", as_source(sleeps_1_ms(n) for n in count()), fails_on_3)
    with pytest.raises(ItemFailed, match="The function failed on item 3"):
        run_strategy(STRATEGIES["threads"], spec, tmp_path / "out", options_of("threads"))
    until(lambda: not [one for one in threading.enumerate() if one.name.startswith("fanout")])


def fails_on_3(number):
    return 1 // (number - 3)
