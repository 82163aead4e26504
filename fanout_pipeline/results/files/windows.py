"""What does not work on Windows, and what works there: calls in this process, whose results stay in memory."""

from __future__ import annotations

import sys

_WHAT_WORKS = (
    "On Windows fan_out works for lists and frames, with its results in memory (without folder=, context=, key=, "
    "keep=, unpack= and result_type=), by the strategies serial, threads, asyncio and vectorized, and by auto, which "
    "calls in this process there. For everything else use WSL 2 or a container."
)


class NotOnWindows(Exception):
    """Something was asked for that Windows lacks. The message says what works there."""


def on_windows() -> bool:
    return sys.platform == "win32"


def refuse_on_windows(what: str) -> None:
    """Raises NotOnWindows on Windows. `what` begins the message, and is plural."""
    if on_windows():
        raise NotOnWindows(f"{what} need Linux or macOS. {_WHAT_WORKS}")
