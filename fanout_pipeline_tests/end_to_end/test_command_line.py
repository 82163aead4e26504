"""`dagster job execute`, as the guide says to type it: files, records, checks, refusals."""

import json
import statistics

import dagster as dg
import pandas
import pytest

from fanout_pipeline import read_results
from fanout_pipeline_tests.end_to_end.project import COUNT
from fanout_pipeline_tests.names import METADATA, REPORTED, STRATEGIES

TRIED = {*STRATEGIES, "dagster_in_process"}
"""What the trials of `compared` are of."""
CONFIGURED = {
    "numbers_file": {"config": {"count": 5000, "order": "shuffled", "seed": 7}},
}


@pytest.fixture(scope="module")
def report(compared):
    project, _ = compared
    return json.loads((project.data / "squares" / "comparison" / "report.json").read_text())


def elsewhere(project, workers=2, chunks=5):
    """Run config that sets everything which the guide says can be set; its data root, too."""
    root = project.data / "other data"
    config = {
        "ops": dict(CONFIGURED),
        "resources": {
            "data_folder": {"config": {"root": str(root)}},
            "fanout": {"config": {"workers": workers, "chunks": chunks}},
        },
    }
    return root, config


def steps(project):
    """(step, start, end) of the latest run, timed by the event log."""
    with project.instance() as instance:
        run = instance.get_runs(limit=1)[0]
        kinds = {dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_SUCCESS}
        entries = instance.all_logs(run.run_id, of_type=kinds)
    times = {}
    for entry in entries:
        times.setdefault(entry.step_key, []).append(entry.timestamp)
    return sorted((start, end, step) for step, (start, end) in times.items())


def test_comparison_leaves_the_files_of_the_design(compared):
    """Whoever reads the results by file finds them where the design says."""
    project, _ = compared
    for strategy in STRATEGIES:
        folder = project.data / "squares" / strategy
        assert (folder / "part-00000.parquet").is_file()
        assert (folder / "_manifest.json").is_file()
    comparison = project.data / "squares" / "comparison"
    files = {"report.json", "report.md", "report.html", "times.png", "breakdown.png"}
    assert {path.name for path in comparison.iterdir()} - {"last_trusted.json"} == files
    for picture in ("times.png", "breakdown.png"):
        assert (comparison / picture).read_bytes().startswith(b"\x89PNG")
        assert f"({picture})" in (comparison / "report.md").read_text()


def test_comparison_leaves_nothing_else(compared):
    """No temporary file and no abandoned results stay behind a finished run."""
    project, _ = compared
    folders = {"comparison", "trials", "_runs", *STRATEGIES}
    assert {path.name for path in (project.data / "squares").iterdir()} == folders
    assert {path.name for path in project.data.iterdir()} == {"numbers.txt", "squares"}
    assert not list(project.data.rglob("*.tmp"))
    for strategy in STRATEGIES:
        runs = project.data / "squares" / "_runs" / strategy
        generations = {path for path in runs.iterdir() if path.is_dir()}
        assert generations == {(project.data / "squares" / strategy).resolve()}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_results_are_the_squares(compared, strategy):
    """Every strategy gives all squares; all but `queue` give them in the order of the numbers."""
    project, _ = compared
    table = read_results(project.data / "squares" / strategy)
    expected = [n * n for n in project.numbers()]
    results = table["result"].tolist()
    assert table["index"].tolist() == list(range(COUNT))
    if strategy == "queue":
        assert results != expected
        results.sort()
        expected.sort()
    assert results == expected


def test_the_run_was_as_configured(compared):
    """Count, order, seed, workers and chunks are those of the config file, in every strategy."""
    project, _ = compared
    numbers = project.numbers()
    assert sorted(numbers) == list(range(COUNT))
    assert numbers != sorted(numbers)
    for strategy in STRATEGIES:
        found = project.metadata(f"squares/{strategy}")
        # A reader sees how many `auto` had, which is fewer where more did not pay.
        workers = {"serial": (1,), "auto": (1, 2)}.get(strategy, (2,))
        assert found["chunks"] == 5, strategy
        assert found["workers"] in workers, strategy


def test_report_has_the_fields_of_the_design(report):
    """A program that reads report.json finds every field by its name."""
    assert report["items"] == COUNT
    assert report["reference"] == "serial"
    assert set(report["strategies"]) == TRIED
    for found in report["strategies"].values():
        assert set(found) >= REPORTED
        assert found["wall_seconds"] == pytest.approx(statistics.median(found["wall_seconds_all"]))
        assert found["speedup"] == pytest.approx(1 / found["ratio"])
        assert found["ratio_ci95"] is None  # of one round
    assert report["strategies"]["serial"]["ratio"] == 1
    assert set(report["verdict"]) >= {"use", "reason", "trusted"}
    assert report["verdict"]["use"] == "cannot tell"
    assert {"cpu", "effective_cores", "memory_bytes", "python"} <= set(report["machine"])


def test_report_says_who_kept_the_order(report):
    """The glossary's program loses the order and nothing else; the others lose nothing."""
    found = report["strategies"]
    for strategy in found:
        counts = [found[strategy][name] for name in ("missing", "duplicated", "wrong")]
        assert counts == [0, 0, 0], strategy
    in_order = {strategy for strategy in found if found[strategy]["in_order"]}
    assert in_order == set(found) - {"queue"}
    assert len({found[strategy]["digest"] for strategy in in_order}) == 1


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_metadata_of_the_design_is_recorded(compared, report, strategy):
    """Dashboards find all metadata on each strategy, the same values as in the report."""
    project, _ = compared
    found = project.metadata(f"squares/{strategy}")
    assert set(found) >= METADATA
    assert found["items"] == COUNT
    assert len(found["first_10_results"]) == 10
    if strategy != "queue":
        assert found["first_10_results"] == [n * n for n in project.numbers()[:10]]
    assert found["peak_rss_bytes"] > 10**7
    assert len(set(found["worker_pids"])) >= 1
    for name in ("missing", "duplicated", "wrong"):
        assert found[name] == report["strategies"][strategy][name], name


def test_every_trial_is_kept(compared, report):
    """Whoever doubts the comparison finds every single trial, and what it ran on."""
    project, _ = compared
    trials = pandas.read_parquet(project.data / "squares" / "trials")
    counted = trials[~trials.warm_up]
    assert set(counted.strategy) == set(report["strategies"])
    for strategy, found in report["strategies"].items():
        ours = counted[counted.strategy == strategy].wall_seconds
        assert sorted(ours) == sorted(found["wall_seconds_all"])
    serial = counted[counted.strategy == "serial"].groupby("round").control.agg(["size", "sum"])
    assert (serial["size"] == 2).sum() == report["control"]["rounds"] == 1


def test_the_phases_of_every_strategy_sum_to_its_wall_time(report):
    """Nothing of a strategy's time is hidden, and nothing is counted twice.

    Of a single run, that is, in which the system may have kept a process waiting between two stamps.
    """
    for strategy, found in report["strategies"].items():
        wall = found["phases_wall_seconds"]
        assert sum(found["phases"].values()) == pytest.approx(wall, rel=0.1, abs=0.2), strategy
        assert min(found["phases"].values()) >= 0, strategy
        if strategy.startswith("dagster"):
            named = ("launch", "event_log", "io", "framework", "read", "call", "write")
            assert all(found["phases"][phase] > 0 for phase in named), strategy


def test_the_verdict_is_checked(compared):
    """The UI shows beside the comparison whether its verdict is trusted, and whether it changed."""
    project, _ = compared
    found = project.metadata("squares/comparison")
    with project.instance() as instance:
        checks = {
            name: instance.event_log_storage.get_asset_check_execution_history(
                dg.AssetCheckKey(dg.AssetKey(["squares", "comparison"]), name), limit=1
            )[0].event.dagster_event.asset_check_evaluation_data
            for name in ("verdict_trusted", "verdict_unchanged")
        }
    assert checks["verdict_trusted"].passed is found["trusted"]
    assert checks["verdict_trusted"].severity is dg.AssetCheckSeverity.WARN
    assert checks["verdict_trusted"].description == found["sentence"]
    assert checks["verdict_unchanged"].passed


def test_comparison_records_table_and_report(compared):
    """The UI has the table and a page that carries its picture in itself."""
    project, _ = compared
    found = project.metadata("squares/comparison")
    for table in ("table", "breakdown"):
        strategies = {record.data["strategy"] for record in found[table].records}
        assert strategies == TRIED
    assert found["report"].count("](data:image/png;base64,") == 2
    assert isinstance(found["multiprocess_ratio"], float)


def test_comparison_table_is_printed(compared):
    """Whoever runs the job in a terminal sees the table and the verdict without opening a file."""
    project, output = compared
    lines = [" ".join(line.split()) for line in output.splitlines()]
    header = next(
        n for n, line in enumerate(lines) if line.startswith("strategy seconds ratio 95 %")
    )
    table = {line.split()[0] for line in lines[header + 2 :][: len(TRIED)] if line}
    assert table == TRIED
    assert any(line.endswith(project.metadata("squares/comparison")["sentence"]) for line in lines)
    assert "Traceback" not in output


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_checks_are_recorded_with_numbers(compared, strategy):
    """Each check has a result with numbers; a lost order of `queue` is a warning, not an error."""
    project, _ = compared
    found = {}
    with project.instance() as instance:
        run = instance.get_runs(limit=1)[0]
        for entry in instance.all_logs(run.run_id):
            event = entry.dagster_event
            if event and event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
                check = event.asset_check_evaluation_data
                if check.asset_key.path == ["squares", strategy]:
                    found[check.check_name] = check
    assert found.pop("failures").passed
    if strategy == "serial":
        assert not found
        return
    assert set(found) == {"order", "completeness", "values"}
    for name, check in found.items():
        assert check.passed == ((strategy, name) != ("queue", "order")), name
        assert check.metadata["items"].value == COUNT
        assert check.metadata["expected_items"].value == COUNT
    order = found["order"]
    assert (order.metadata["out_of_place"].value == 0) == order.passed
    assert found["completeness"].metadata["missing"].value == 0
    assert found["values"].metadata["wrong"].value == 0
    if strategy == "queue":
        assert order.severity is dg.AssetCheckSeverity.WARN
        assert order.metadata["first_divergent_index"].value >= 0


def test_timed_steps_do_not_overlap(compared):
    """A time is that strategy's alone: chunk steps run beside each other, nothing else does."""
    project, _ = compared
    found = steps(project)
    assert len(found) > len(STRATEGIES)
    beside = {
        (one, other)
        for at, (_, end, one) in enumerate(found)
        for start, _, other in found[at + 1 :]
        if start < end
    }
    chunks = "squares__dagster_multiprocess.squares_chunk["
    assert {pair for pair in beside if not all(step.startswith(chunks) for step in pair)} == set()
    for strategy in STRATEGIES:
        assert project.metadata(f"squares/{strategy}")["overlapped_with"] == []


@pytest.mark.parametrize(
    ("job", "strategies", "configured"),
    [
        ("serial_job", ("serial",), False),
        ("multiprocess_job", ("multiprocess", "dagster_multiprocess"), True),
    ],
)
def test_other_jobs(project, job, strategies, configured):
    """Each job makes its own assets from its own config, and needs no other job before it."""
    root, config = elsewhere(project) if configured else (project.data, None)
    code, output = project.execute(job, config)
    assert code == 0, output
    numbers = project.numbers(root)
    assert len(numbers) == (5000 if configured else 100_000)
    found = {path.name for path in (root / "squares").iterdir()}
    assert found - {"_runs"} == set(strategies)
    for strategy in strategies:
        assert project.results(strategy, root) == [n * n for n in numbers]
        assert set(project.metadata(f"squares/{strategy}")) >= METADATA
        if configured:
            assert project.metadata(f"squares/{strategy}")["chunks"] == 5
    assert [run.status for run in project.runs()] == [dg.DagsterRunStatus.SUCCESS]


def test_wrong_config_is_refused_before_the_run(project):
    """A wrong value costs a message that names it, not a half-finished run."""
    config = {"ops": {"numbers_file": {"config": {"count": -1}}}}
    code, output = project.execute("serial_job", config)
    assert code != 0
    assert "count" in output
    assert not (project.data / "numbers.txt").exists()
    assert project.runs() == []
