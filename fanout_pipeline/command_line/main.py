"""Which command, and the help that all have in common."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from fanout_pipeline.command_line import clean, doctor

COMMANDS = (clean, doctor)
"""Each has a function `add`, which adds its parser."""

_EXAMPLES = """\
examples:
  python -m fanout_pipeline doctor -m their_project.definitions
  python -m fanout_pipeline clean --older-than 30d --dry-run

exit status:
  0  done
  1  not all is well: see the help of the command
  2  the command could not be understood, or what it names is not there
"""


def parser() -> argparse.ArgumentParser:
    """What reads the arguments of all commands; `run` of what it reads runs the one that was chosen."""
    parser = argparse.ArgumentParser(
        "python -m fanout_pipeline",
        description="Look after fan-outs: what will not work here, and what runs have left.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status."""
    chosen = parser().parse_args(arguments)
    try:
        status: int = chosen.run(chosen)
        sys.stdout.flush()
    except BrokenPipeError:  # Whoever read this has seen enough, as `head` has.
        sys.stdout = None
        return 0
    return status
