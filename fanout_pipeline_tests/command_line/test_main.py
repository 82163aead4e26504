"""`python -m fanout_pipeline`: its commands, their help, and where pages show them."""

import re
import subprocess
import sys

import pytest

from fanout_pipeline.command_line.main import COMMANDS, main, parser
from fanout_pipeline_tests.end_to_end.project import CHECKOUT

PROGRAM = "python -m fanout_pipeline"
NAMES = [one.__name__.rpartition(".")[2] for one in COMMANDS]


@pytest.mark.parametrize("command", NAMES)
def test_help(command, capsys):
    """Each command shows how it is used, and what its exit status means."""
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    told = capsys.readouterr().out
    assert f"examples:\n  {PROGRAM} {command}" in told
    assert "exit status:\n  0  " in told
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert f"\n    {command} " in capsys.readouterr().out


def test_commands_that_pages_show(capsys):
    """What is copied from a page or from a command's help is understood."""
    pages = [path.read_text() for path in (*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md"))]
    for name in NAMES:
        with pytest.raises(SystemExit):
            main([name, "--help"])
    pages.append(capsys.readouterr().out)
    shown = re.findall(rf"^ *{PROGRAM} (.*?)(?: {{2,}}.*)?$", "\n".join(pages), re.MULTILINE)
    assert {line.split()[0] for line in shown} == {*NAMES}
    for line in shown:
        assert parser().parse_args(line.split()).run


def test_nothing_but_the_arguments_is_imported_for_help():
    """Help is there at once: neither Dagster nor Arrow is imported for it."""
    program = (
        "import sys; from fanout_pipeline.command_line.main import parser; parser().format_help(); "
        "print(*{'dagster', 'pyarrow', 'numpy'} & set(sys.modules))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert told.stdout == "\n"


def test_a_command_that_is_not_there(capsys):
    """The commands that there are, are named."""
    with pytest.raises(SystemExit, match="2"):
        main(["cleanse"])
    assert "clean" in capsys.readouterr().err
