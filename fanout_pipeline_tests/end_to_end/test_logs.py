"""What the function logs is in Dagster's event log, whichever process it was called in."""

import logging
import re

import yaml

FUNCTIONS = """
import logging
import warnings

log = logging.getLogger(__name__)
log.addHandler(logging.FileHandler("counting.log"))


def words(line):
    from dagster import get_dagster_logger

    log.info("words of %s", line)
    log.debug("is not asked for")
    logging.getLogger("others").error("is nobody's to manage")
    logging.warning("root has seen %s", line)
    get_dagster_logger().info(f"dagster has seen {line}")
    print("printed", line)
    warnings.warn(f"warned of {line}")
    return len(line.split())
"""
MINE = """
from counting import words
from fanout_pipeline.defs.lab.factory import fanout_definitions
from fanout_pipeline import FanoutSpec
from fanout_pipeline import TextLines

defs = fanout_definitions(FanoutSpec("lines", TextLines("lines.txt"), words))
"""


def manage(guest, **python_logs):
    """Which loggers Dagster captures."""
    file = guest.home / "dagster.yaml"
    settings = yaml.safe_load(file.read_text()) | {"python_logs": python_logs}
    file.write_text(yaml.safe_dump(settings))


def logged(guest):
    """(level, message) of what is in the event log of the latest run and no event of Dagster's."""
    with guest.instance() as instance:
        (run,) = instance.get_runs(limit=1)
        entries = instance.all_logs(run.run_id)
    return [(e.level, e.user_message) for e in entries if not e.is_dagster_event]


def captured(guest):
    """What all steps have printed: their compute logs."""
    return "".join(
        path.read_text() for end in ("out", "err") for path in guest.home.rglob(f"*.{end}")
    )


def test_workers_log_as_the_step_does(guest):
    """Of managed loggers each record is there, with its level, logger, worker and item; what is printed, too."""
    manage(guest, managed_python_loggers=["counting", "root"], python_log_level="INFO")
    guest.write(counting=FUNCTIONS, mine=MINE)
    lines = ["to", "be or", "not to be", "that"]
    guest.lines(lines)
    keys = ["lines/multiprocess", "lines/dagster_multiprocess"]
    code, output = guest.materialize(*keys)
    assert code == 0, output
    found = logged(guest)
    for logger, level, told in [
        ("counting", logging.INFO, "words of {}"),
        ("root", logging.WARNING, "root has seen {}"),
        ("dagster.builtin", logging.INFO, "dagster has seen {}"),
    ]:
        for index, line in enumerate(lines):
            text = told.format(line)
            by = rf" \({logger}, worker process \d+, item {index}\)"
            (from_worker,) = [one for one in found if re.fullmatch(re.escape(text) + by, one[1])]
            assert from_worker[0] == level
            # A chunk's step of `dagster_multiprocess` calls the function by itself.
            assert found.count((level, text)) == 1
    assert not any("is not asked for" in text for _, text in found)
    # Root manages what is nobody's, as in serial.
    assert sum("is nobody's to manage" in text for _, text in found) == 2 * len(lines)
    said = captured(guest)
    for line in lines:
        assert said.count(f"printed {line}\n") == 2
        assert said.count(f"UserWarning: warned of {line}\n") == 2
    # What the module has set up is called once for each, in the step's process.
    assert len((guest.works_in / "counting.log").read_text().splitlines()) == 2 * len(lines)
