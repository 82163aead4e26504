"""Somebody else's project: a folder and an environment of its own, the package merely installed.

The checkout's own environment is no place to find out what a user meets there: its editable install
makes the checkout's root importable, and with it all that tests put beside it.
"""

import os
import subprocess
import sys
import sysconfig
import textwrap
import venv
from dataclasses import dataclass
from pathlib import Path

import fanout_pipeline
from fanout_pipeline import read_results
from fanout_pipeline_tests.end_to_end.project import Project, make_home

SCRIPTS = {
    "dagster": "from dagster._cli import main",
    "dagster-daemon": "from dagster._daemon.cli import main",
    "dagster-webserver": "from dagster_webserver.cli import main",
    "dg": "from dagster_dg_cli.cli import main",
    "python": None,
}


def installation(folder, wheel=None):
    """A virtual environment with all that this one has, but only the package of the checkout, or this wheel.

    A path in a .pth file is not searched for further .pth files, such as that of an editable install.
    """
    venv.create(folder, symlinks=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    python = folder / "bin" / "python"
    if wheel is None:
        (site / "fanout_pipeline").symlink_to(Path(fanout_pipeline.__file__).parent)
    else:
        pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "-q")
        subprocess.run([*pip, "install", "--no-deps", "--no-index", wheel], check=True)
    (site / "beside.pth").write_text(sysconfig.get_path("purelib") + "\n")
    for name, start in SCRIPTS.items():
        if start is not None:
            script = folder / "bin" / name
            # As pip's scripts: a process that Dagster spawns imports it.
            script.write_text(f"#!{python}\n{start}\nif __name__ == '__main__':\n    main()\n")
            script.chmod(0o755)
    return folder


@dataclass(frozen=True)
class Guest(Project):
    """Its commands are typed in `folder / "project"`, where its modules are; nothing of PYTHONPATH."""

    environment_folder: Path

    @classmethod
    def new(cls, folder, environment_folder):
        make_home(folder)
        (folder / "project").mkdir()
        (folder / "data").mkdir()
        return cls(folder, environment_folder)

    @property
    def works_in(self):
        return self.folder / "project"

    @property
    def commands(self):
        return self.environment_folder / "bin"

    @property
    def environment(self):
        kept = {n: v for n, v in super().environment.items() if n != "PYTHONPATH"}
        path = os.pathsep.join([str(self.commands), kept["PATH"]])
        return kept | {"VIRTUAL_ENV": str(self.environment_folder), "PATH": path}

    def write(self, **modules):
        """Modules of the project, by their names."""
        for name, text in modules.items():
            (self.works_in / f"{name}.py").write_text(textwrap.dedent(text))

    def lines(self, lines, name="lines.txt"):
        """An input file under the data root."""
        (self.data / name).write_text("".join(f"{line}\n" for line in lines))

    def materialize(self, *keys, module="mine", config=None, location=None):
        """`dagster asset materialize -m mine --select …`: exit code and output."""
        location = location or ("-m", module)
        selected = ["--select", ",".join(keys)]
        if config is not None:
            import json

            selected += ["--config-json", json.dumps(config)]
        return self.run("dagster", "asset", "materialize", *location, *selected)

    def results(self, key):
        """The results of an asset, in order."""
        return read_results(self.data / key)["result"].tolist()
