"""The wheel that is built here, installed where nothing of its extras is."""

import subprocess
import sys
from importlib.metadata import PathDistribution
from zipfile import Path as ZipPath

import pytest

from fanout_pipeline_tests.end_to_end.guest import Guest, installation
from fanout_pipeline_tests.end_to_end.project import CHECKOUT

NOT_THERE = ("dagster_webserver", "duckdb", "matplotlib", "polars", "scipy")
"""What the environment of the tests has, and that of a project that installs the package alone may not."""

NAMES = """
import dagster as dg
import fanout_pipeline
from lab import lab

assert "site-packages" in fanout_pipeline.__file__
for name in dir(fanout_pipeline):
    getattr(fanout_pipeline, name)
for asset in ("trials", "comparison", "break_even"):
    run = dg.materialize(
        lab.assets,
        selection=dg.AssetSelection.assets(["lines_lab", asset]),
        resources=lab.resources,
        raise_on_error=False,
    )
    (failed,) = (event for event in run.all_events if event.is_step_failure)
    told = failed.step_failure_data.error_display_string
    assert 'needs matplotlib and scipy: pip install "fanout_pipeline[lab]"' in told
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The path of the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "flit_core.wheel", "--outdir", folder, CHECKOUT],
        check=True,
        capture_output=True,
    )
    (path,) = folder.iterdir()
    return path


def test_a_wheel_is_all_that_a_project_needs(wheel, tmp_path):
    """It is whole and typed. In a project with an IO manager and an executor of its own, without any
    extra, all public names import, calls and pandas assets run, and the lab says what it lacks."""
    names = {str(path.at) for path in _files(ZipPath(wheel))}
    package = CHECKOUT / "fanout_pipeline"
    there = {
        str(path.relative_to(CHECKOUT))
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert there <= names
    assert "fanout_pipeline/py.typed" in names
    assert any(name.endswith("/LICENSE") for name in names)

    environment = installation(tmp_path / "venv", wheel)
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "sitecustomize.py").write_text(
        f"import sys\nsys.modules.update(dict.fromkeys({NOT_THERE}))\n"
    )
    assert PathDistribution(next(site.glob("fanout_pipeline-*"))).metadata["License-Expression"]
    guest = Guest.new(tmp_path / "guest", environment)
    guest.lines(["a", "bcd"])
    guest.write(
        scoring="""
        def score(order: dict) -> dict:
            return {"total": order["amount"] * order["count"]}
        """,
        lab="""
        from fanout_pipeline import FanoutSpec, TextLines, fanout_lab

        lab = fanout_lab(FanoutSpec("lines", TextLines("lines.txt"), len))
        """,
        mine="""
        import pickle
        from pathlib import Path

        import dagster as dg
        import pandas as pd
        from fanout_pipeline import Options, fan_out
        from scoring import score


        class Pickles(dg.ConfigurableIOManager):
            def handle_output(self, context, obj):
                Path(f"{context.asset_key.path[-1]}.pkl").write_bytes(pickle.dumps(obj))

            def load_input(self, context):
                return pickle.loads(Path(f"{context.asset_key.path[-1]}.pkl").read_bytes())


        @dg.asset
        def orders() -> pd.DataFrame:
            return pd.DataFrame({"id": range(500), "amount": range(500), "count": 2})


        @dg.asset
        def scores(context: dg.AssetExecutionContext, orders: pd.DataFrame) -> pd.DataFrame:
            options = Options(strategy="multiprocess", workers=2)
            return fan_out(score, orders, key="id", unpack=True, options=options, context=context).to_pandas()


        @dg.asset
        def report(scores: pd.DataFrame) -> dg.MaterializeResult[None]:
            Path("report.txt").write_text(str(scores["total"].sum()))
            return dg.MaterializeResult(metadata={"columns": list(scores)})


        defs = dg.Definitions(
            [orders, scores, report],
            resources={"io_manager": Pickles()},
            executor=dg.in_process_executor,
        )
        """,
    )
    code, output = guest.run("python", "-c", NAMES)
    assert code == 0, output
    code, output = guest.materialize("*")
    assert code == 0, output
    assert (guest.works_in / "report.txt").read_text() == str(2 * sum(range(500)))


def _files(folder):
    for path in folder.iterdir():
        if path.is_dir():
            yield from _files(path)
        else:
            yield path
