"""The web UI, served for real and used with a mouse, so to speak."""

import json
import os
import re
import socket
import urllib.request
from contextlib import contextmanager, suppress

import dagster as dg
import pytest
import yaml
from playwright.sync_api import expect

from fanout_pipeline_tests.end_to_end.every_minute import COUNT
from fanout_pipeline_tests.end_to_end.project import CHECKOUT, PICTURES, Project
from fanout_pipeline_tests.processes import wait_for

LOCATION = {
    "python_module": {
        "module_name": "fanout_pipeline_tests.end_to_end.every_minute",
        "location_name": "every_minute",
        "working_directory": str(CHECKOUT),
    }
}
pytestmark = pytest.mark.timeout(600)


def free_port():
    """One that the system gives to nobody who does not ask for it, as it does with those from 32768 on."""
    for port in range(20_000 + os.getpid() % 10_000, 32_000):
        with socket.socket() as free, suppress(OSError):
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            free.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


@contextmanager
def serving(project, command, *arguments):
    """The address of a command's web server, answering."""
    port = free_port()
    log = "server.txt"
    process = project.start(command, *arguments, "-h", "127.0.0.1", "-p", str(port), log=log)
    address = f"http://127.0.0.1:{port}"

    def answers():
        assert process.poll() is None, project.output(log)
        try:
            return urllib.request.urlopen(f"{address}/server_info", timeout=5).status == 200
        except OSError:
            return False

    wait_for(answers, 120, "answer of the webserver", every=0.5)
    yield address
    process.terminate()
    process.wait(60)
    wait_for(lambda: not project.processes(), 60, "end of all processes")


@pytest.fixture(scope="module")
def scheduled(tmp_path_factory):
    """A project in which the schedule has fired once, and the address of its `dagster dev`."""
    project = Project.new(tmp_path_factory.mktemp("scheduled") / "project")
    workspace = project.folder / "workspace.yaml"
    workspace.write_text(yaml.safe_dump({"load_from": [LOCATION]}))
    # Dagster's databases are made here: processes that make them at once spoil them.
    assert project.runs() == []
    try:
        with serving(project, "dagster", "dev", "-w", str(workspace)) as address:
            wait_for(project.runs, 180, "scheduled run", every=1)
            with project.instance() as instance:
                (state,) = instance.all_instigator_state()
                instance.stop_schedule(state.instigator_origin_id, state.selector_id, None)
            wait_for(lambda: project.runs()[-1].is_finished, 240, "end of the run", every=1)
            yield project, address
    finally:
        project.end_all()


def test_the_daemon_runs_the_comparison_by_itself(scheduled):
    """A started schedule runs the comparison without anybody there."""
    project, _ = scheduled
    run = project.runs()[-1]
    assert run.status is dg.DagsterRunStatus.SUCCESS, project.output("server.txt")
    assert run.job_name == "comparison_job"
    assert run.tags["dagster/schedule_name"] == "nightly_comparison"
    assert len(project.numbers()) == COUNT
    assert project.metadata("squares/comparison")["items"] == COUNT
    report = json.loads((project.data / "squares" / "comparison" / "report.json").read_text())
    for name in ("threads", "multiprocess", "vectorized"):
        found = report["strategies"][name]
        assert found["ratio_ci95"][0] <= found["ratio"] <= found["ratio_ci95"][1], name


def test_a_click_materializes_and_the_comparison_is_there_to_see(scheduled, page):
    """Whoever clicks "Materialize all" gets a job's assets, and whoever looks for it finds the verdict, the
    pictures and queue's warning in the UI."""
    project, served = scheduled
    before = len(project.runs())
    page.goto(f"{served}/locations/every_minute/jobs/serial_job")
    button = page.get_by_role("button", name=re.compile("Materialize all"))
    expect(button).to_be_enabled(timeout=60_000)
    button.click()
    wait_for(lambda: len(project.runs()) > before, 60, "run", every=0.5)
    wait_for(lambda: project.runs()[0].is_finished, 240, "end of the run", every=1)
    assert project.runs()[0].job_name == "serial_job"
    assert project.runs()[0].status is dg.DagsterRunStatus.SUCCESS
    page.set_viewport_size({"width": 1500, "height": 2000})  # all strategies in one picture
    page.goto(f"{served}/locations/every_minute/asset-groups/squares")
    expect(page.get_by_text("indexed_queue", exact=True).first).to_be_visible()
    page.wait_for_timeout(2000)
    page.screenshot(path=PICTURES / "graph.png")

    verdict = project.metadata("squares/comparison")["sentence"]
    page.set_viewport_size({"width": 2100, "height": 1500})  # the whole table in one picture
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.goto(f"{served}/assets/squares/comparison")
        expect(page.get_by_text(verdict).first).to_be_visible()
        expect(page.get_by_text("items_per_second").first).to_be_visible()
        expect(page.get_by_text("multiprocess", exact=True).first).to_be_visible()
        page.wait_for_timeout(5000)  # status and history come late
        page.screenshot(path=PICTURES / f"comparison_{theme}.png")
        report = page.get_by_text(re.compile("^report$")).locator("xpath=ancestor::tr[1]").first
        report.get_by_text("Show Markdown").click()
        plots = page.locator("img[src^='data:image/png']")
        expect(plots).to_have_count(2)
        page.wait_for_timeout(1000)  # the dialog fades in
        for number in range(2):
            plots.nth(number).scroll_into_view_if_needed()
            loaded = "image => image.complete && image.naturalWidth"
            assert plots.nth(number).evaluate(loaded) > 300
            page.screenshot(path=PICTURES / f"report_{theme}_{number}.png")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1500, "height": 1000})

    page.goto(f"{served}/assets/squares/queue?view=checks")
    page.get_by_text("order", exact=True).first.click()
    expect(page.get_by_text(re.compile("This is expected: each worker"))).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("warning")).first).to_be_visible()
    page.screenshot(path=PICTURES / "queue_checks.png")


PROGRESS = re.compile(r"multiprocess: (\d+)%, ")


class RunPage:
    """What the page of a run shows of its progress, without being loaded again."""

    def __init__(self, page, address, run_id):
        self.page = page
        self.seen = []
        """The shares in percent, in the order in which they were seen, those seen at once as one."""
        page.goto(f"{address}/runs/{run_id}")

    def look(self):
        """Whether there was progress of the last third."""
        shown = {int(share) for share in PROGRESS.findall(self.page.locator("body").inner_text())}
        new = shown.difference(*self.seen)
        if new:
            self.seen.append(new)
        return any(share > 67 for share in set().union(*self.seen))


def test_the_page_of_a_run_goes_on_with_it(guest, page):
    """Whoever watches a run of 20 seconds sees its progress as it comes, under our executor and under
    Dagster's."""
    guest.write(
        mine="""
        import os
        import time
        from pathlib import Path

        import dagster as dg
        from fanout_pipeline.executor import preloaded_multiprocess_executor
        from fanout_pipeline.defs.lab.factory import fanout_definitions
        from fanout_pipeline import FanoutSpec
        from fanout_pipeline import TextLines

        WATCHED = Path(os.environ["FANOUT_DATA"]).parent / "watched"

        def slow(line):
            while not WATCHED.exists():
                time.sleep(0.05)
            time.sleep(0.1)
            return len(line)

        def job(name, executor):
            selection = dg.AssetSelection.assets(f"{name}/multiprocess")
            return dg.define_asset_job(f"{name}_job", selection, executor_def=executor)

        specs = [FanoutSpec(name, TextLines("lines.txt"), slow) for name in ("ours", "theirs")]
        executors = {"ours": preloaded_multiprocess_executor(), "theirs": dg.multiprocess_executor}
        jobs = [job(name, executor) for name, executor in executors.items()]
        defs = dg.Definitions.merge(fanout_definitions(*specs), dg.Definitions(jobs=jobs))
        """
    )
    guest.lines(["a line"] * 400)
    with serving(guest, "dagster-webserver", "-m", "mine") as address:
        started = [
            guest.start("dagster", "job", "execute", "-m", "mine", "-j", job, log=f"{job}.txt")
            for job in ("ours_job", "theirs_job")
        ]
        runs = wait_for(
            lambda: len(found := guest.runs()) == 2 and found, 120, "two runs", every=0.5
        )
        pages = {
            run.job_name: RunPage(page.context.browser.new_page(), address, run.run_id)
            for run in runs
        }
        (guest.folder / "watched").touch()
        for _ in range(300):
            left = [shown for shown in pages.values() if not shown.look()]
            if not left:
                break
            page.wait_for_timeout(200)
    for process in started:
        process.kill()  # in the check of what it has made, with another 40 s of calls
        process.wait()
    for job, shown in pages.items():
        # Not all at once: news came by itself, however slow the browser was.
        assert len(shown.seen) >= 3, (job, shown.seen, guest.output(f"{job}.txt"))
