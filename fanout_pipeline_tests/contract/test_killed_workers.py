"""Workers that are killed are replaced, and what they had not done is done again."""

import time

import psutil
import pytest

from fanout_pipeline.engine.model.errors import ItemFailed
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline_tests.contract.checks import assert_same_results
from fanout_pipeline_tests.contract.functions.dying import kills_its_worker
from fanout_pipeline_tests.contract.functions.returning import same
from fanout_pipeline_tests.contract.runs import options_of, run, run_warm, spec_of
from fanout_pipeline_tests.processes import lives, until

NAME = "multiprocess"
"""The strategy that recovers."""

pytestmark = pytest.mark.usefixtures("leaves_nothing")


def test_item_kills_its_worker(file, earlier):
    """A worker that is killed, as by the kernel when memory is short, costs the item that it was at."""
    message = r"item 60 \(line 61 .*WorkerDied: .* was killed by SIGKILL: out of memory\?"
    with pytest.raises(ItemFailed, match=message):
        run(NAME, file, kills_its_worker, earlier)


def test_idle_worker_is_killed(file, tmp_path):
    """A worker that was killed between two runs of a crew is replaced in the second."""
    folder, spec = tmp_path / "squares", spec_of(NAME, file, same)
    with STRATEGIES[NAME].start(options_of(NAME)) as crew:
        run_warm(NAME, crew, spec, folder, 4)
        idle = psutil.Process(crew.usage()[0].pid)
        idle.kill()
        until(lambda: not lives(idle))
        time.sleep(0.2)  # Its threads end, and with the last its connections.
        run_warm(NAME, crew, spec, folder, 4)
        assert len(crew.usage()) == 3
    assert_same_results(folder, file, same)


def test_all_workers_are_killed_after_each_run(file, tmp_path):
    """A crew whose workers are all killed after each run is as good as new in the next."""
    folder, spec = tmp_path / "squares", spec_of(NAME, file, same)
    with STRATEGIES[NAME].start(options_of(NAME, 3)) as crew:
        for _ in range(3):
            run_warm(NAME, crew, spec, folder, 4)
            assert_same_results(folder, file, same)
            for used in crew.usage():
                if psutil.pid_exists(used.pid):
                    psutil.Process(used.pid).kill()
