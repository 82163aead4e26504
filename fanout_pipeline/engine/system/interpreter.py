"""Another Python interpreter that is to behave as this one: its flags, and where it finds modules."""

from __future__ import annotations

import subprocess
import sys

from fanout_pipeline.engine.system.import_path import like_here


def command(program: str) -> list[str]:
    """What to start for a program, given as text, in an interpreter of its own."""
    # As multiprocessing does it: -O and -W, for two, mean the same there.
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001
    return [sys.executable, *flags, "-c", like_here() + program]
