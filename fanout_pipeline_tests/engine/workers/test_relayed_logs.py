"""What workers log reaches the loggers of the process that has started them."""

import logging
import os
import re
import sys
import textwrap
import time
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout_pipeline import FanoutSpec, IntegerLines, Options, read_results
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.workers.log_records import A_SECOND, LogQuota
from fanout_pipeline.engine.workers.relayed_logs import RelayedLogs

NAME = "fanout_pipeline_tests.workers"
SAID = re.compile(rf"(.*) \({re.escape(NAME)}, worker process (\d+)(?:, item (\d+))?\)", re.DOTALL)
MORE = re.compile(r"… and ([\d,]+) more in the same second")


@pytest.fixture
def records():
    """Records of a logger of this process, from INFO on."""
    taken = []
    handler = logging.Handler()
    handler.emit = taken.append
    logger = logging.getLogger(NAME)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield taken
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)
    logger.propagate = True


def run(folder, function, items, **policy):
    file = folder / "numbers.txt"
    file.write_text("".join(f"{number}\n" for number in range(items)))
    spec = FanoutSpec("numbers", IntegerLines(str(file)), function)
    options = Options(workers=2, start_method="spawn", **policy)
    run_strategy(STRATEGIES["multiprocess"], spec, folder / "out", options)
    return read_results(folder / "out")["result"].tolist()


def said(records):
    """(text, worker's process id, index) of each record."""
    return [match.groups() for r in records if (match := SAID.fullmatch(r.getMessage()))]


@pytest.mark.slow
@pytest.mark.usefixtures("leaves_nothing")
class TestWorkers:
    def test_each_record_has_its_worker_and_item_in_order(self, records, tmp_path):
        """Level and logger are those that were used, and records of one worker are in their order."""

        def function(number):
            import logging

            logging.getLogger(NAME).log(20 + 10 * (number % 3), "%s and %d", "number", number)
            logging.getLogger(NAME).debug("is below the level that is set in the parent")
            return os.getpid()

        pids = run(tmp_path, function, 3 * A_SECOND)
        found = said(records)
        assert sorted(int(index) for _, _, index in found) == list(range(3 * A_SECOND))
        for (text, pid, index), record in zip(found, records, strict=True):
            assert text == f"number and {index}"
            assert (record.fanout_worker, record.fanout_item) == (int(pid), int(index))
            assert pids[int(index)] == int(pid) == record.process
            assert record.levelno == 20 + 10 * (int(index) % 3)
            assert (record.name, record.funcName) == (NAME, "function")
        for worker in set(pids):
            own = [int(index) for _, pid, index in found if int(pid) == worker]
            assert own == sorted(own)

    def test_a_traceback_and_things_that_cannot_be_sent(self, records, tmp_path):
        """Exceptions are there as text, what only the worker can have as its repr."""

        def function(number):
            import logging
            import threading

            try:
                {}["no such"]
            except KeyError:
                extra = {"lock": threading.Lock(), "tenant": 7}
                logging.getLogger(NAME).exception("it failed for %s", object, extra=extra)

        run(tmp_path, function, 1)
        (record,) = records
        first, *_, last = record.getMessage().splitlines()
        assert SAID.fullmatch(first)[1] == "it failed for <class 'object'>"
        assert last == "KeyError: 'no such'"
        assert record.lock.startswith("<unlocked _thread.lock")
        assert record.tenant == 7

    def test_arguments_that_do_not_fit(self, records, tmp_path, capfd):
        """It is said where Python says it, and the item has not failed."""

        def function(number):
            import logging

            logging.getLogger(NAME).info("%d", "no number")
            return number

        assert run(tmp_path, function, 2) == [0, 1]
        assert not records
        assert capfd.readouterr().err.count("TypeError: %d format") == 2

    def test_loggers_that_do_not_propagate_and_filters(self, records, tmp_path):
        """A logger's own handlers and filters are those of this process."""
        logger = logging.getLogger(NAME)
        logger.propagate = False
        only_even = SimpleNamespace(filter=lambda record: int(record.fanout_item) % 2 == 0)
        logger.addFilter(only_even)

        def function(number):
            import logging

            logging.getLogger(NAME).propagate = False
            logging.getLogger(NAME).info("at %s", number)

        run(tmp_path, function, 10)
        logger.removeFilter(only_even)
        assert sorted(int(index) for _, _, index in said(records)) == [0, 2, 4, 6, 8]

    def test_last_words(self, records, tmp_path):
        """What was logged just before a worker died is there, also where it had logged too much to be sent."""

        def function(number):
            import logging

            log = logging.getLogger(NAME)
            if number in (3, 7):
                for word in range(500 if number == 7 else 1):
                    log.info("word %d of %d", word, number)
                log.warning("the last of %d", number) if number == 3 else log.info("the last of 7")
                os._exit(1)

        run(tmp_path, function, 10, on_error="quarantine")
        found = said(records)
        for number in (3, 7):
            last = [(pid, index) for text, pid, index in found if text == f"the last of {number}"]
            # Called three times, each time in another process.
            assert len(set(last)) == 3
            assert {index for _, index in last} == {str(number)}

    def test_a_flood_is_bounded_and_counted(self, records, tmp_path):
        """So many a second are said, the others are counted; rare errors are not hidden by many infos."""

        def function(number):
            import logging

            log = logging.getLogger(NAME)
            log.info("number %d", number)
            if number % 10_000 == 9_999:
                log.error("rare")
            return number

        began = time.monotonic()
        assert run(tmp_path, function, 100_000) == list(range(100_000))
        seconds = time.monotonic() - began
        told = said(records)
        infos = [text for text, _, _ in told if text != "rare"]
        more = [int(m[1].replace(",", "")) for r in records if (m := MORE.match(r.getMessage()))]
        assert len(infos) + sum(more) == 100_000
        assert len(infos) <= A_SECOND * (2 + int(seconds))
        assert len(more) <= 2 + seconds
        assert len(told) - len(infos) == 10

    def test_threads_of_the_function(self, records, tmp_path):
        """Messages of several threads and results do not run into each other."""

        def function(number):
            import logging
            import threading

            def talk():
                for _ in range(20):
                    logging.getLogger(NAME).info("x" * 10_000)

            threads = [threading.Thread(target=talk) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return "y" * 100_000

        assert run(tmp_path, function, 20) == ["y" * 100_000] * 20
        assert {text for text, _, _ in said(records)} == {"x" * 10_000}

    def test_a_process_that_the_function_forks(self, records, tmp_path, capfd):
        """Sends nothing on its parent's connection; its warnings are printed."""

        def function(number):
            import logging

            if not (child := os.fork()):
                for _ in range(100):
                    logging.getLogger(NAME).warning("forked")
                os._exit(0)
            os.waitpid(child, 0)
            logging.getLogger(NAME).warning("not forked")
            return number

        assert run(tmp_path, function, 4) == [0, 1, 2, 3]
        assert {text for text, _, _ in said(records)} == {"not forked"}
        assert capfd.readouterr().err.count("forked\n") == 400

    def test_what_a_module_sets_up_is_not_done_twice(self, records, tmp_path, monkeypatch, capfd):
        """Handlers that a module makes when it is imported are called in this process only."""
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr(logging.root, "handlers", [])
        (tmp_path / "sets_up_logging.py").write_text(
            textwrap.dedent(f"""
            import logging
            import sys
            logging.basicConfig(stream=sys.__stderr__, format="basic %(message)s")
            log = logging.getLogger({NAME!r})
            log.addHandler(logging.FileHandler({str(tmp_path / "own.log")!r}))

            def function(number):
                log.info("once")
                return number
            """)
        )
        import sets_up_logging

        assert run(tmp_path, sets_up_logging.function, 3) == [0, 1, 2]
        assert len(said(records)) == 3
        assert (tmp_path / "own.log").read_text().count("once") == 3
        assert capfd.readouterr().err.count("basic once") == 3
        del sys.modules["sets_up_logging"]
        logging.getLogger(NAME).handlers.pop().close()


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def fields(text, created=0.0, level=logging.INFO):
    return {"name": NAME, "levelno": level, "created": created, "msg": text}


def test_last_words_are_said_once(records):
    """Not where they were said already, nor where a worker has ended in order."""
    logged = RelayedLogs(Clock())
    for pid in (1, 2, 3):
        logged.left_out(pid, 7, (0, fields(f"left out by {pid}", created=1.0)))
    logged.relay(3, 1, fields("later", created=2.0))
    for _ in range(A_SECOND):
        logged.relay(4, 1, fields("many", created=3.0))
    logged.relay(4, 1, fields("over the quota here", created=5.0))
    logged.left_out(4, 1, (0, fields("over it there", created=4.0)))
    for pid, died in ((1, True), (2, False), (3, True), (4, True)):
        logged.worker_ended(pid, died)
    told = [text for text, _, _ in said(records)]
    assert told[:1] + told[-2:] == ["later", "left out by 1", "over the quota here"]
    assert len(told) == A_SECOND + 2
    logged.report_left_out()
    assert records[-1].getMessage() == "… and 24 more in the same second"


@given(st.lists(st.tuples(st.floats(0, 0.4), st.integers(-5, 70)), max_size=600))
def test_the_quota_of_any_records(events):
    """Within a second that begins with a record at most so many of a level pass; the first always do."""
    clock = Clock()
    quota = LogQuota(clock)
    began, passed = None, {}
    for seconds, level in events:
        clock.now += seconds / 10
        if began is None or clock.now >= began + 1:
            began, passed = clock.now, {}
        which = min(max(level // 10, 0), 5)
        taken = quota.takes(level)
        assert taken == (passed.get(which, 0) < A_SECOND)
        passed[which] = passed.get(which, 0) + taken
