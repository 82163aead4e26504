"""How a fan-out fails, in words that can be sent to another process and shown anywhere."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace

from fanout_pipeline.engine.system.signals import interrupt_in
from fanout_pipeline.results.files.printable import both_ends, printable, printable_lines
from fanout_pipeline.sources.source import Source

_TRACEBACK_CHARACTERS = 10_000


class Stopped(BaseException):
    """The run has failed elsewhere; what waits for it gives up.

    No Exception, for it is raised within calls of the user's function, too.
    """


class WorkerDied(Exception):
    """A worker process ended before its work did. The message says how."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception of the user's function, in a form that every process can read."""

    item: str
    """The item's repr, shortened."""
    error_type: str
    message: str
    traceback: str
    index: int = -1
    where: str = ""
    """Where a person finds the item in the source."""

    def at(self, index: int, source: Source) -> Failure:
        """The same failure with its place, which a worker need not know."""
        return replace(self, index=index, where=source.locate(index))


class ItemFailed(Exception):
    """The user's function raised. The message names the item and holds the worker's traceback."""

    def __init__(self, failure: Failure):
        super().__init__(failure)
        self.failure = failure

    def __str__(self) -> str:
        f = self.failure
        # Indented, for a line of a message must not look like one of the log's own.
        traceback = "  " + f.traceback.rstrip("\n").replace("\n", "\n  ")
        return (
            f"The function failed on item {f.index} ({f.where}), {f.item}: "
            f"{f.error_type}: {f.message}\n\nIn the worker:\n{traceback}\n"
        )


def require_failed(error: BaseException) -> None:
    """Raise on what came out of a call and is not the function's failure: an interrupt, the run's end.

    All else is, a sys.exit() and a KeyboardInterrupt that the function raises by itself included.
    """
    if isinstance(error, Stopped):
        raise error
    interrupt = interrupt_in(error)
    if interrupt is not None:
        raise interrupt


def failure_from(error: BaseException, item: str, tries: int = 1) -> Failure:
    """An exception of the user's function, in a form that can be sent, stored and shown anywhere.

    The message says how many `tries` there were, if more than one. Long texts are cut.
    """
    import traceback  # here, for workers whose function never raises do without it

    try:
        message = str(error)
    except BaseException as unprintable:
        require_failed(unprintable)
        message = f"its message cannot be had: {type(unprintable).__name__}"
    tried = f" (tried {tries} times)" if tries > 1 else ""
    told = printable_lines("".join(traceback.format_exception(error)))
    return Failure(
        item=item,
        error_type=printable(type(error).__name__, 100),
        message=printable(message) + tried,
        traceback=both_ends(told, _TRACEBACK_CHARACTERS),
    )


def sendable(error: BaseException) -> BaseException:
    """The error, or one with its text where another process could not read it.

    So it is with a sys.exit(): to the other process it is an error, and no reason to exit.
    """
    import traceback

    error.__cause__ = None
    try:
        if isinstance(pickle.loads(pickle.dumps(error)), Exception):
            return error
    except Exception:  # noqa: S110 (whatever it is, its text can be sent)
        pass
    return RuntimeError(printable_lines("".join(traceback.format_exception(error))))


def unreadable(error: BaseException) -> BaseException:
    """What a worker answers with that could not unpickle the function."""
    error.add_note(
        "A worker process could not read the function. What it is made of must be importable there, "
        "with the same sys.path, or hold nothing that cannot be pickled."
    )
    return sendable(error)


def short_repr(item: object, limit: int = 60) -> str:
    """An item's repr, shortened, in one line of printable text."""
    try:
        text = repr(item)
    except BaseException as error:
        require_failed(error)
        if not isinstance(item, int):
            return f"a {printable(type(item).__name__, limit)} whose repr fails"
        text = f"an integer of {item.bit_length():,} bits"  # too many digits to print
    return printable(text, limit)
