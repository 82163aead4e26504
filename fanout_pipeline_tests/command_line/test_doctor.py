"""`python -m fanout_pipeline doctor`: what it finds, says to do, and its exit status."""

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import asdict

import pytest

from fanout_pipeline.command_line.examining import instance as instances
from fanout_pipeline.command_line.examining.functions import received
from fanout_pipeline.command_line.examining.machine import look_at_cores
from fanout_pipeline.command_line.examining.projects import look_at_project
from fanout_pipeline.command_line.examining.storage import look_at_data_root
from fanout_pipeline.command_line.examining.versions import look_at_versions
from fanout_pipeline.command_line.main import main
from fanout_pipeline.engine.functions.serialize import pickle_with_function
from fanout_pipeline_tests.end_to_end.project import CHECKOUT

PROJECT = {
    "scoring.py": """
        import socket
        import threading
        from functools import partial

        def score(line):
            return len(line)

        connected = partial(lambda socket, line: line, socket.socket())
        threading.Thread(target=threading.Event().wait, daemon=True, name="reports").start()
    """,
    "beside_dagster.py": """
        import dagster as dg
        import sqlite3

        database = sqlite3.connect(":memory:")

        def counted(line):
            return database.total_changes
    """,
    "definitions.py": """
        import dagster as dg
        from beside_dagster import counted
        from scoring import connected, score

        from fanout_pipeline import Options, TextLines, Upstream, fanout_asset

        lines = TextLines("lines.txt")
        scored = fanout_asset(score, name="scored", over=lines, pool="api")
        cut_off = fanout_asset(connected, name="cut_off", over=lines)
        counts = fanout_asset(counted, name="counts", over=TextLines("missing.txt"), key_prefix="raw")
        after = fanout_asset(score, name="after", over=Upstream("scored"))
        after_that = fanout_asset(score, name="after_that", over=Upstream("after"))
        threads = Options(strategy="threads", item_timeout_seconds=5, start_method="spawn")
        lightly = fanout_asset(connected, name="lightly", over=lines, options=threads)
        daily = fanout_asset(
            score,
            name="daily",
            over=TextLines("{partition}.txt"),
            partitions_def=dg.DailyPartitionsDefinition("2026-11-01"),
            options=Options(workers=999),
        )
        found = [scored, cut_off, counts, after, after_that, lightly, daily]
        defs = dg.Definitions(assets=found)
    """,
}


def written(folder, files):
    for name, text in files.items():
        (folder / name).write_text(textwrap.dedent(text))


def looked(look, *given):
    """What one look finds, as (level, about, text, what to do)."""
    return [tuple(asdict(one).values()) for one in look(*given)]


def texts(found, level, about):
    return [
        f"{text} -> {to_do}" for one, name, text, to_do in found if (one, name) == (level, about)
    ]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """DAGSTER_HOME, which results are kept in, too."""
    (tmp_path / "home" / "storage" / "fanout").mkdir(parents=True)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FANOUT_DATA", raising=False)
    return tmp_path / "home"


@pytest.mark.slow
def test_a_project(tmp_path, home):
    """Of each fan-out it says what will not work, for which variable, what workers import, and what all are together."""
    written(tmp_path, PROJECT)
    (home / "storage" / "fanout" / "lines.txt").write_text("a\nb\n")
    done = subprocess.run(
        [sys.executable, "-m", "fanout_pipeline", "doctor", "-m", "definitions", "--json"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    found = [tuple(one.values()) for one in json.loads(done.stdout)]

    of_scored = [text for _, name, text, _ in found if name == "scored"]
    assert any(
        "each worker takes " in text and "receive scoring:score" in text for text in of_scored
    )
    assert any("lines.txt is there (4 bytes)" in text for text in of_scored)
    assert texts(found, "failure", "after") == texts(found, "failure", "scored") == []
    (cut_off,) = texts(found, "failure", "cut_off")
    assert (
        "cannot be sent to worker processes: its argument 0, a socket, cannot be pickled" in cut_off
    )
    assert "Make it inside the function" in cut_off
    assert "threads calls partial of scoring:" in texts(found, "fine", "lightly")[0]
    timeout, method = texts(found, "warning", "lightly")
    assert "item_timeout_seconds is not applied by threads" in timeout
    assert "start_method='spawn' is not applied by threads" in method
    slow, missing = texts(found, "warning", "raw/counts")
    assert "receive beside_dagster:counted (" in slow
    assert " dagster " in slow.replace("(", " ")
    assert "its variable database, a Connection, cannot be pickled" in slow
    assert "missing.txt" in missing
    assert "999 workers" in "\n".join(texts(found, "warning", "daily"))
    together = "\n".join(texts(found, "warning", "cores"))
    # Of those without a pool: cut_off, counts, lightly, daily, and one of after and after_that.
    assert "one run may work on 5 fan-outs at once, 5 × 999 processes" in together
    assert "a backfill works on 10 partitions at once" in together
    (slots,) = texts(found, "warning", "pools")
    assert "api: slots of runs that are killed are never freed" in slots
    (fork,) = texts(found, "fine", "fork")
    assert "importing scoring started 1 thread" in fork
    assert list(home.rglob("_doctor-*")) == []


def test_without_a_project(home, capsys):
    """Everything else is looked at; results are written to the data root, and nothing is left there."""
    root = home / "storage" / "fanout"
    assert main(["doctor"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    for line in (
        "ok versions: Python ",
        " workers: ",
        f"ok data root: {root} ",
        "ok data root: results were written, replaced and read there",
        f"ok DAGSTER_HOME: {home}, with its history in SQLite",
        " 0 will not work, ",
    ):
        assert line in told
    assert list(root.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1 / 0\n", "ZeroDivisionError: division by zero, in {folder}/broken.py:1"),
        ("import not_there\n", "No module named 'not_there', in {folder}/broken.py:1"),
        ("x = 1\n", "No Definitions, RepositoryDefinition"),
    ],
)
def test_a_project_that_cannot_be_loaded(tmp_path, monkeypatch, text, why):
    """The error is told, with the line of the project that it comes from."""
    (tmp_path / "broken.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "broken", raising=False)
    found = looked(look_at_project, "broken", instances.Instance(None))
    (told,) = texts(found, "failure", "broken")
    assert why.format(folder=tmp_path) in told


def test_what_no_worker_can_import(tmp_path, monkeypatch):
    """A worker's own words are given, so that the module that is missing is known."""
    (tmp_path / "here_only.py").write_text("def function(item):\n    return item\n")
    with monkeypatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        import here_only

        sent = pickle_with_function(here_only.function, here_only.function)
        assert received(sent, "here_only").seconds < 60
    with pytest.raises(RuntimeError, match="No module named 'here_only'"):
        received(sent, "")


def test_the_number_of_workers_that_is_none(monkeypatch):
    """A setting that every run would refuse is found before the first."""
    monkeypatch.setenv("FANOUT_WORKERS", "many")
    (told,) = texts(looked(look_at_cores), "failure", "cores")
    assert "FANOUT_WORKERS must be a whole number" in told


def test_threads_of_linear_algebra(home, monkeypatch, capsys):
    """With a status for CI: warnings count where that is asked for."""
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    assert main(["doctor", "--strict", "--json"]) == 1
    found = [tuple(one.values()) for one in json.loads(capsys.readouterr().out)]
    (told,) = texts(found, "warning", "cores")
    assert "OMP_NUM_THREADS=8: each of " in told


def test_a_data_root_that_is_none(tmp_path, home, monkeypatch):
    """What keeps results from being kept is said, with where the data root comes from."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FANOUT_DATA", str(tmp_path / "file"))
    (told,) = texts(looked(look_at_data_root, instances.found_instance()), "failure", "data root")
    assert "is no folder" in told
    assert f"FANOUT_DATA={tmp_path / 'file'}" in told
    monkeypatch.delenv("FANOUT_DATA")
    monkeypatch.delenv("DAGSTER_HOME")
    (told,) = texts(looked(look_at_data_root, instances.found_instance()), "warning", "data root")
    assert "lost when it ends -> set FANOUT_DATA" in told


def test_packages_that_do_not_fit(tmp_path, monkeypatch):
    """Dagster's packages are of one version, which pip does not look after once they are installed."""
    package = tmp_path / "dagster_of_old-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: dagster-of-old\nVersion: 1.0\nRequires-Dist: dagster==1.2.3\n"
        "Requires-Dist: dagster-not-there\nRequires-Dist: dagster-extra; extra == 'more'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    one, other = texts(looked(look_at_versions), "failure", "versions")
    assert "dagster-of-old 1.0 needs dagster==1.2.3, and " in one
    assert "dagster-of-old 1.0 needs dagster-not-there, which is not installed" in other


@pytest.mark.parametrize(
    ("text", "level", "told"),
    [
        ("", "warning", "the history is kept by SQLite in {home}, on nfs4"),
        ("storage: {postgres: {postgres_url: {env: PG}}}", "fine", "in a database server"),
        ("storage: {sqlite: {base_dir: /elsewhere}}", "warning", "SQLite in /elsewhere, on nfs4"),
        ("storage: [", "failure", "dagster.yaml cannot be read"),
        ("- no\n", "failure", "dagster.yaml holds no settings"),
    ],
)
def test_dagsters_home(home, monkeypatch, text, level, told):
    """SQLite on a network disk is warned of, and a dagster.yaml that Dagster would not start with is named."""
    (home / "dagster.yaml").write_text(text)
    monkeypatch.setattr(instances, "file_system", lambda path: "nfs4")
    found = looked(instances.look_at_instance, instances.found_instance())
    assert told.format(home=home) in "\n".join(texts(found, level, "DAGSTER_HOME"))


def test_settings_of_the_instance(home):
    """Where values of assets are, and how many runs are begun at once, is read as Dagster reads it."""
    plain = instances.found_instance()
    assert (plain.storage, plain.runs_at_once, plain.frees_slots) == (home / "storage", 10, False)
    (home / "dagster.yaml").write_text(
        "local_artifact_storage:\n"
        "  module: dagster._core.storage.root\n"
        "  class: LocalArtifactStorage\n"
        "  config: {base_dir: /values}\n"
        "concurrency: {runs: {max_concurrent_runs: 3}}\n"
        "run_monitoring: {enabled: true, free_slots_after_run_end_seconds: 300}\n"
    )
    found = instances.found_instance()
    assert (str(found.storage), found.runs_at_once, found.frees_slots) == (
        "/values/storage",
        3,
        True,
    )
