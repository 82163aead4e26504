"""The command `doctor`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator

from fanout_pipeline.command_line.examining.finding import FAILURE, WARNING, Finding

_HELP = "say what will not work here, and what to do"
_DESCRIPTION = """\
Look at what fan-outs depend on, within seconds: versions, cores, worker processes, the clock, the data root (results
are written to it, and removed), DAGSTER_HOME. With -m also at each fan-out of a project: whether its function can be
sent to workers, and the variable that is why not; what each worker imports for it, and for how long; its input; and
what comes of all of them running at once.
"""
_EXAMPLES = """\
examples:
  python -m fanout_pipeline doctor
  python -m fanout_pipeline doctor -m their_project.definitions
  python -m fanout_pipeline doctor -m their_project.definitions --strict --json    (in CI)

exit status:
  0  nothing was found that will not work; there may be warnings
  1  something will not work, or with --strict there are warnings
  2  the command could not be understood
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to others."""
    parser = commands.add_parser(
        "doctor",
        help=_HELP,
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "-m",
        dest="module",
        metavar="MODULE",
        help="the module of the project's definitions, as `dagster dev -m` takes it",
    )
    parser.add_argument("--strict", action="store_true", help="warnings count, too")
    parser.add_argument("--json", action="store_true", help="print one JSON array instead of lines")
    parser.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> int:
    from fanout_pipeline.command_line.examining.told import lines, record

    found = list(_looks(chosen.module))
    told = [json.dumps(record(found), indent=1)] if chosen.json else lines(found)
    sys.stdout.writelines(f"{line}\n" for line in told)
    bad = {FAILURE, WARNING} if chosen.strict else {FAILURE}
    return int(any(one.level in bad for one in found))


def _looks(module: str | None) -> Iterator[Finding]:
    """All looks. The project comes first, before other looks have started threads of their own."""
    from fanout_pipeline.command_line.examining.instance import found_instance, look_at_instance
    from fanout_pipeline.command_line.examining.machine import (
        DayClock,
        look_at_clock,
        look_at_cores,
        look_at_workers,
    )
    from fanout_pipeline.command_line.examining.storage import look_at_data_root
    from fanout_pipeline.command_line.examining.versions import look_at_versions

    day = DayClock()
    instance = found_instance()
    of_project: list[Finding] = []
    if module is not None:
        from fanout_pipeline.command_line.examining.projects import look_at_project

        of_project += look_at_project(module, instance)
    yield from look_at_versions()
    yield from look_at_cores()
    yield from look_at_workers()
    yield from look_at_clock()
    yield from look_at_data_root(instance)
    yield from look_at_instance(instance)
    yield from of_project
    yield from day.look()
