"""A DAGSTER_HOME and a data root of their own, and the commands as a user types them."""

import contextlib
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import psutil
import yaml

from fanout_pipeline import read_results
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline_tests.names import STRATEGIES

CHECKOUT = Path(__file__).parents[2]
PICTURES = CHECKOUT / "test-artefacts" / "ui"
LOCATION = ("-m", "fanout_pipeline.definitions")
COUNT = 20_000
COMPARED = {
    "ops": {
        "numbers_file": {"config": {"count": COUNT, "order": "shuffled", "seed": 7}},
        "squares__trials": {
            "config": {
                "rounds": 1,
                "warm_up_rounds": 0,
                "budget_seconds": 600,
                "strategies": [*STRATEGIES[1:], "dagster_in_process"],
            }
        },
    },
    "resources": {"fanout": {"config": {"workers": 2, "chunks": 5}}},
}
"""What the fixture `compared` has run: every strategy once, on however busy a machine.

All but `dagster_spawn`, which starts an interpreter for each of its steps."""


@functools.cache
def _used_home():
    """A DAGSTER_HOME with its databases, which a first command takes 0.4 s to make."""
    home = Path(tempfile.mkdtemp())
    shutil.copy(CHECKOUT / "dagster_home" / "dagster.yaml", home)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.get_runs() == []
        assert instance.all_instigator_state() == []
    return home


def make_home(folder):
    shutil.copytree(_used_home(), folder / "home")


@dataclass(frozen=True)
class Project:
    """One instance and one data root, under `folder`."""

    folder: Path

    @classmethod
    def new(cls, folder):
        make_home(folder)
        return cls(folder)

    @property
    def home(self):
        return self.folder / "home"

    @property
    def data(self):
        return self.folder / "data"

    @property
    def works_in(self):
        """The folder that commands are typed in."""
        return CHECKOUT

    @property
    def commands(self):
        """The folder of the console scripts."""
        return Path(sys.executable).parent

    @property
    def environment(self):
        kept = {
            name: value
            for name, value in os.environ.items()
            if "FANOUT" not in name or name.startswith("FANOUT_FAULTS_")
        }
        return kept | {"DAGSTER_HOME": str(self.home), "FANOUT_DATA": str(self.data)}

    def start(self, command, *arguments, log="log.txt"):
        """A console script of this environment, in a session of its own, its output in a file."""
        with open(self.folder / log, "wb") as output:
            return subprocess.Popen(
                [self.commands / command, *arguments],
                cwd=self.works_in,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, command, *arguments, seconds=240):
        """Exit code and output of a console script that has ended."""
        process = self.start(command, *arguments)
        try:
            process.wait(seconds)
        finally:
            self.end_all()
        return process.returncode, self.output()

    def output(self, log="log.txt"):
        return (self.folder / log).read_text(errors="replace")

    def execute(self, job, config=None):
        return self.run("dagster", *self.job_arguments(job, config))

    def job_arguments(self, job, config=None):
        arguments = ["job", "execute", *LOCATION, "-j", job]
        if config is not None:
            file = self.folder / "config.yaml"
            file.write_text(yaml.safe_dump(config))
            arguments += ["-c", str(file)]
        return arguments

    def materialize(self, *keys, config=None):
        selected = ["--select", ",".join(keys)]
        if config is not None:
            selected += ["--config-json", json.dumps(config)]
        return self.run("dagster", "asset", "materialize", *LOCATION, *selected)

    @contextlib.contextmanager
    def instance(self):
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            yield instance

    def runs(self):
        with self.instance() as instance:
            return instance.get_runs()

    def metadata(self, key):
        """What the latest materialization of an asset recorded, as plain values."""
        with self.instance() as instance:
            event = instance.get_latest_materialization_event(dg.AssetKey(key.split("/")))
        assert event is not None, f"{key} was not materialized"
        recorded = event.asset_materialization.metadata
        return {name: value.value for name, value in recorded.items()}

    def processes(self):
        """Every living process that was started with this DAGSTER_HOME."""
        found = set()
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("DAGSTER_HOME") == str(self.home):
                    found.add(process)
        return found

    def end_all(self):
        """Leave no process of this project behind, whatever a test did."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()

    def results(self, strategy, data=None):
        return read_results((data or self.data) / "squares" / strategy)["result"].tolist()

    def numbers(self, data=None):
        return list(map(int, ((data or self.data) / "numbers.txt").read_text().split()))

    def digest(self, strategy):
        return ResultFolder(self.data / "squares" / strategy).manifest().digest
