"""Steps of the preloaded executor: isolated, retried, ended, heard, and each told what befell it."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget

from fanout_pipeline_tests.executor import step_jobs
from fanout_pipeline_tests.executor.events import events
from fanout_pipeline_tests.processes import GONE_SECONDS, wait_for

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[2]
EXECUTE = """
import os, sys
import dagster as dg
from fanout_pipeline.executor import step_handler
from fanout_pipeline_tests.executor import step_jobs
from fanout_pipeline_tests.executor.events import events
step_handler.CLEANUP_SECONDS = float(sys.argv[3])
# What the step server imports before what is installed.
after_python = sys.path.index(os.path.dirname(os.__file__)) + 1
sys.path[after_python:after_python] = sys.argv[4:]
with dg.DagsterInstance.local_temp(sys.argv[1]) as instance:
    dg.execute_job(dg.reconstructable(getattr(step_jobs, sys.argv[2])), instance)
"""
IMPORTS_FOR_EVER = """
import os, pathlib, time
pathlib.Path(__file__).with_name("imports").write_text(str(os.getpid()))
time.sleep(300)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where steps leave signs."""
    monkeypatch.setenv(step_jobs.FOLDER, str(tmp_path))
    return tmp_path


@pytest.fixture
def instance(tmp_path_factory):
    """A Dagster instance that other processes can write to."""
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("instance"))) as instance:
        yield instance


@pytest.fixture
def execute(instance, folder, leaves_nothing):
    """Runs a job of `step_jobs`."""

    def execute(name):
        job = dg.reconstructable(getattr(step_jobs, name))
        return dg.execute_job(job, instance, raise_on_error=False)

    return execute


def test_steps_are_isolated_and_in_order(execute, instance):
    """Each step has a process of its own, which has the preloaded modules and no earlier step's
    leavings, nor its random numbers."""
    with execute("fans_out") as result:
        assert result.success
        found, run_id = result.output_for_node("gathered"), result.run_id
    assert [one["number"] for one in found] == list(range(5))
    assert len({one["pid"] for one in found} - {os.getpid()}) == 5
    assert [one["seen"] for one in found] == [[number] for number in range(5)]
    assert all(one["preloaded"] for one in found)
    assert len({chance for one in found for chance in one["chance"]}) == 10
    started = events(instance, run_id, dg.DagsterEventType.STEP_WORKER_STARTED)
    assert all("in a forked process" in message for _, _, message in started)


def test_steps_do_not_load_the_code_location(instance, folder, leaves_nothing):
    """What loading the definitions costs is paid once a run, by the process that forks the steps."""
    job = dg.build_reconstructable_job("fanout_pipeline_tests.executor.step_jobs", "made_job")
    assert dg.execute_job(job, instance).success
    loaded, ran = (
        {path.name.removeprefix(sign) for path in folder.glob(f"{sign}*")}
        for sign in ("loads-", "runs-")
    )
    assert len(ran) == 2
    assert len(loaded - {str(os.getpid())}) == 1
    assert not loaded & ran


def test_steps_have_all_the_dynamic_outputs_that_they_need(execute):
    """Each step is told of its own share of a fan-out only, and of all that it collects."""
    with execute("fans_twice") as result:
        assert result.success
        assert result.output_for_node("in_all") == sum(
            2 * n + 2 * (0 + 3 + 6 + 9) for n in range(5)
        )


def test_what_a_step_prints_is_stored_and_shown(execute, instance, capfd):
    """Output of a step, of its child processes too, is in the instance's storage and on the terminal."""
    with execute("printing") as result:
        assert result.success
        run_id = result.run_id
    (logs,) = instance.all_logs(run_id, of_type=dg.DagsterEventType.LOGS_CAPTURED)
    key = [run_id, "compute_logs", logs.dagster_event.logs_captured_data.file_key]
    assert instance.compute_log_manager.is_capture_complete(key)
    stored = instance.compute_log_manager.get_log_data(key)
    shown = capfd.readouterr()
    for told in (stored.stdout.decode(), shown.out):
        for line in ("printed by Python", "written past Python", "said by a child"):
            assert told.count(f"{line}\n") == 1
    assert "a complaint\n" in stored.stderr.decode()
    assert "a complaint\n" in shown.err


@pytest.mark.parametrize(
    ("job", "told"),
    [
        ("misspelled", "No module named 'there_is_no_such_module'"),
        ("serverless", "was ended by signal 9 (SIGKILL), and the steps ['kills_server'] with it"),
    ],
)
def test_a_server_that_fails_fails_the_run_and_says_why(execute, instance, folder, job, told):
    """A module that cannot be preloaded, or a server that is killed: the run's failure names it, and no
    step is left, even one that hangs."""
    with execute(job) as result:
        assert not result.success
        run_id = result.run_id
    (failure,) = instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    assert told in failure.dagster_event.job_failure_data.error.to_string()
    assert not psutil.wait_procs(at_work(folder), timeout=GONE_SECONDS)[1]


def test_steps_are_not_forked_beside_threads(execute, instance):
    """Where importing has started threads, Python's or such as only the system knows, each step is a new
    interpreter, and the log says once why: with the modules' names."""
    with execute("threaded") as result:
        assert result.success
        assert result.output_for_node("asks") == 1
        run_id = result.run_id
    started = events(instance, run_id, dg.DagsterEventType.STEP_WORKER_STARTED)
    assert [(step, "in a new process" in message) for step, _, message in started] == [
        ("works", True),
        ("asks", True),
    ]
    told = [message for _, _, message in events(instance, run_id, dg.DagsterEventType.ENGINE_EVENT)]
    (reason,) = (message for message in told if "not forked" in message)
    assert "fanout_pipeline_tests.executor.starts_a_thread started 1 thread (monitor); " in reason
    assert "fanout_pipeline_tests.executor.asks_another_thread started 1 thread, " in reason


def at_work(folder):
    """The processes of the steps that have signed."""
    found = []
    for path in folder.glob("waits-*"):
        with suppress(psutil.NoSuchProcess, ValueError):  # It is gone, or signs just now.
            found.append(psutil.Process(int(path.read_text())))
    return found


@pytest.fixture
def executing(folder, tmp_path_factory):
    """Starts a job of `step_jobs` in a process of its own, whose steps have so long to clean up."""
    started = []

    def execute(name, *first_on_path, seconds=GONE_SECONDS):
        instance = str(tmp_path_factory.mktemp("instance"))
        command = [sys.executable, "-c", EXECUTE, instance, name, str(seconds), *first_on_path]
        started.append(
            subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.PIPE, start_new_session=True)
        )
        return started[-1]

    yield execute
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("job", "steps"), [("waiting", 2), ("waiting_unforked", 1)])
def test_steps_clean_up_when_the_whole_group_is_interrupted(
    executing, folder, job, steps, leaves_nothing
):
    """As Ctrl-C in a terminal does, however steps are started: the executor tells them, and waits."""
    executor = executing(job)
    wait_for(lambda: len(at_work(folder)) == steps, 120, "steps at work")
    working = at_work(folder)
    os.killpg(executor.pid, signal.SIGINT)
    _, told = executor.communicate(timeout=2 * GONE_SECONDS)
    psutil.wait_procs(working, timeout=GONE_SECONDS)
    assert (folder / "cleaned up").exists()
    assert b"StepServerFailed" not in told


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_step_outlives_its_executor(executing, folder, number, leaves_nothing):
    """The steps of an executor that is told to end clean up and end; a killed one's are killed."""
    executor = executing("waiting")
    wait_for(lambda: len(at_work(folder)) == 2, 120, "two steps at work")
    steps = at_work(folder)
    executor.send_signal(number)
    executor.communicate(timeout=2 * GONE_SECONDS)
    psutil.wait_procs(steps, timeout=GONE_SECONDS)
    assert not [step for step in steps if step.is_running()]
    assert (folder / "cleaned up").exists() == (number == signal.SIGTERM)


def test_a_server_that_imports_dagster_does_not_outlive_its_executor(
    executing, folder, leaves_nothing
):
    """Where that import takes long, as on a loaded machine, the server ends all the same."""
    (folder / "dagster.py").write_text(IMPORTS_FOR_EVER)
    executor = executing("waiting", str(folder))
    signed = folder / "imports"
    wait_for(lambda: signed.exists() and signed.read_text(), 120, "import of dagster")
    server = psutil.Process(int(signed.read_text()))
    executor.kill()
    executor.wait(GONE_SECONDS)
    outlived = psutil.wait_procs([server], timeout=GONE_SECONDS)[1]
    for process in outlived:
        process.kill()
    assert not outlived


def test_an_executor_ends_when_its_server_is_stuck(executing, folder, leaves_nothing):
    """A stopped server is killed, and its steps with it."""
    executor = executing("waiting", seconds=2)  # It never does.
    wait_for(lambda: len(at_work(folder)) == 2, 120, "two steps at work")
    steps = at_work(folder)
    server = steps[0].parent()
    server.suspend()
    executor.send_signal(signal.SIGTERM)
    executor.communicate(timeout=2 * GONE_SECONDS)
    assert not psutil.wait_procs([server, *steps], timeout=GONE_SECONDS)[1]


def test_an_executor_ends_when_its_server_never_loads(executing, folder, leaves_nothing):
    """A server that hangs in an import is killed when the run is interrupted."""
    executor = executing("never_loaded", seconds=2)
    signed = folder / "imports"
    wait_for(lambda: signed.exists() and signed.read_text(), 120, "import that hangs")
    server = psutil.Process(int(signed.read_text()))
    executor.send_signal(signal.SIGINT)
    executor.communicate(timeout=2 * GONE_SECONDS)
    assert not psutil.wait_procs([server], timeout=GONE_SECONDS)[1]


def test_a_run_is_terminated_in_the_middle_of_its_steps(instance, folder, leaves_nothing):
    """What the UI's Terminate does: the steps clean up and end, those that ignore it or hang in C are
    killed, and the run is canceled."""
    target = ModuleTarget("fanout_pipeline_tests.executor.step_jobs", None, str(PROJECT), "steps")
    with WorkspaceProcessContext(instance, target) as workspace:
        context = workspace.create_request_context()
        location = context.get_code_location("steps")
        remote = location.get_repository("__repository__").get_full_job("stubborn")
        run = instance.create_run_for_job(
            step_jobs.stubborn,
            run_config={"execution": {"config": {"max_concurrent": 3}}},
            remote_job_origin=remote.get_remote_origin(),
            job_code_origin=remote.get_python_origin(),
        )
        instance.launch_run(run.run_id, context)
        wait_for(lambda: len(at_work(folder)) == 3, 120, "three steps at work")
        steps = at_work(folder)
        assert instance.run_launcher.terminate(run.run_id)
        wait_for(lambda: instance.get_run_by_id(run.run_id).is_finished, 120, "the run's end")
    workspace._grpc_server_registry.wait_for_processes()  # Dagster has not: its code server's
    assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.CANCELED
    assert not [step for step in steps if step.is_running()]
    assert (folder / "cleaned up").exists()
    told = [
        message for _, _, message in events(instance, run.run_id, dg.DagsterEventType.ENGINE_EVENT)
    ]
    killed = "Killed the steps ['hangs', 'ignores_interrupts']"
    assert any(killed in message for message in told)
