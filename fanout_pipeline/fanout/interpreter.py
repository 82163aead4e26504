"""How another process of the same Python is started."""

from __future__ import annotations

import subprocess
import sys


def interpreter() -> list[str]:
    """The command of an interpreter like this one: -O and -W, for two, mean the same there.

    So does multiprocessing start its own.
    """
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001
    return [sys.executable, *flags]
