"""The command `clean`."""

from __future__ import annotations

import argparse
import json
import re
import sys

_SECONDS = {"h": 3600, "d": 86_400, "w": 7 * 86_400}
_HELP = "remove what runs that died have left, and old labs"
_DESCRIPTION = """\
Remove from a data root what nobody needs and nothing has written to for a while:

  unfinished runs       parts, ledgers, lists of failed items and spools of runs that died
  calls                 results that calls of fan_out in a step have kept (`_calls`)
  labs                  comparisons and their trials (`<name>_lab`)
  old layouts           what earlier versions have left beside visible results
  temporary files       after a day at least

Results of assets, inputs and what a run is writing or has locked stay. No link is followed. A run that died more than
7 days ago could not be resumed anyway.
"""
_EXAMPLES = """\
examples:
  python -m fanout_pipeline clean --older-than 30d --dry-run
  python -m fanout_pipeline clean --older-than 2w /srv/fanout

exit status:
  0  all that is old was removed (with --dry-run: could be found)
  1  something old could not be removed
  2  the folder is no data root, or the command could not be understood
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to others."""
    parser = commands.add_parser(
        "clean",
        help=_HELP,
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--older-than",
        required=True,
        type=seconds_of,
        metavar="AGE",
        help="how long nothing was written to what is removed: 12h, 30d, 2w",
    )
    parser.add_argument("--dry-run", action="store_true", help="tell the same, and remove nothing")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object instead of lines"
    )
    parser.add_argument(
        "folder",
        nargs="?",
        metavar="FOLDER",
        help="the data root; FANOUT_DATA where it is left out",
    )
    parser.set_defaults(run=_run)


def seconds_of(text: str) -> float:
    """The seconds of a text such as 12h, 30d or 2w. Raises argparse's error."""
    found = re.fullmatch(r"(\d+)([hdw])", text, re.ASCII)
    if found is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no duration: write a whole number of hours, days or weeks, such as 12h, 30d or 2w"
        )
    return float(int(found[1]) * _SECONDS[found[2]])


def _run(chosen: argparse.Namespace) -> int:
    from fanout_pipeline.command_line.cleaning.cleaning import LEFT
    from fanout_pipeline.command_line.cleaning.data_root import NoDataRoot, chosen_root
    from fanout_pipeline.command_line.cleaning.others import cleaned
    from fanout_pipeline.command_line.cleaning.told import lines, record

    try:
        done = cleaned(chosen_root(chosen.folder), chosen.older_than, dry_run=chosen.dry_run)
    except NoDataRoot as error:
        sys.stderr.write(f"{error}\n")
        return 2
    told = [json.dumps(record(done), indent=1)] if chosen.json else lines(done)
    sys.stdout.writelines(f"{line}\n" for line in told)
    return int(done.count(LEFT) > 0)
