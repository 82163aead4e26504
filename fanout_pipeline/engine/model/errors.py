"""The ways in which a fan-out fails, as errors that can be sent to another process and shown anywhere."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from dataclasses import dataclass, replace

from fanout_pipeline.engine.system.signals import interrupt_in
from fanout_pipeline.results.files.printable import both_ends, printable, printable_lines
from fanout_pipeline.sources.source import Source

_TRACEBACK_CHARACTERS = 10_000
_MASK = "***"
_secrets: list[str] = []
"""Texts that are not to be shown, longer ones first: see `hide`."""


class Stopped(BaseException):
    """The run has failed elsewhere, and whatever still waits or works for it stops.

    It is not an Exception, so that the user's function does not catch it.
    """


class Spent(Stopped):
    """A budget does not allow the next call, and nothing of its chunk was done."""


class BudgetSpent(Exception):
    """`budget_seconds` or `budget_calls` has ended the run. The message says what was done and what all would take.

    What was done is kept where runs are resumed: then the next one goes on from there.
    """

    def __init__(
        self,
        message: str,
        calls: int = 0,
        items: int = 0,
        seconds: float = 0.0,
        share: float | None = None,
    ):
        super().__init__(message, calls, items, seconds, share)
        self.calls = calls
        """The number of calls that were made, retries included."""
        self.items = items
        """The number of items that were done."""
        self.seconds = seconds
        """How long the run has called."""
        self.share = share
        """How much of its work the run has done; None where that cannot be said."""
        self.whole_calls = calls / share if share else None
        """How many calls all of its work would have taken, about; None where that cannot be said."""
        self.whole_seconds = seconds / share if share else None
        """How long all of its work would have taken, about; None where that cannot be said."""

    def __str__(self) -> str:
        return str(self.args[0])


class WorkerDied(Exception):
    """A worker process ended before it had finished its work. The message says how."""


class ClusterFailed(Exception):
    """A cluster cannot be used, or was lost. The message says what to change."""


class SetupFailed(Exception):
    """What `setup` names could not make its value. The message names it and includes the traceback."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception raised by the user's function, as text that any process can read."""

    item: str
    """The repr of the item, shortened; empty where items are not to be recorded."""
    error_type: str
    """The name of the exception's class."""
    message: str
    """The exception's message, with the number of tries if there were several."""
    traceback: str
    """The traceback in the process that called the function."""
    index: int = -1
    """The index of the item in the source, -1 while it is unknown."""
    where: str = ""
    """Where a person finds the item in the source."""

    def at(self, index: int, source: Source) -> Failure:
        """The same failure with the item's place, which workers do not know."""
        return replace(self, index=index, where=source.locate(index))


class ItemFailed(Exception):
    """The user's function raised an exception. The message names the item and includes the traceback."""

    def __init__(self, failure: Failure):
        super().__init__(failure)
        self.failure = failure

    @classmethod
    def of(cls, failure: Failure, source: Source) -> ItemFailed:
        """The error for an item of a source, which may be some items of the input only."""
        return cls(replace(failure, index=source.index_of(failure.index)))

    def __str__(self) -> str:
        f = self.failure
        # Indented, so that no line of it looks like another entry of the log.
        traceback = "  " + f.traceback.rstrip("\n").replace("\n", "\n  ")
        return (
            f"The function failed on item {f.index} ({f.where}){f.item and ', '}{f.item}: "
            f"{f.error_type}: {f.message}\n\nIn the call:\n{traceback}\n"
        )


def hide(secrets: Iterable[str]) -> None:
    """Have `***` in place of these texts in all that this process tells of errors and items from now on."""
    _secrets.extend(secrets)
    _secrets.sort(key=len, reverse=True)


def show(secrets: Iterable[str]) -> None:
    """End what `hide` has begun with the same texts."""
    for secret in secrets:
        _secrets.remove(secret)


def masked(text: str) -> str:
    """The text without what is to be hidden. To be called before it is cut or escaped."""
    for secret in _secrets:
        text = text.replace(secret, _MASK)
    return text


def reraise_interrupt(error: BaseException) -> None:
    """Raise an error again that ended a call but is not the function's failure: an interrupt, Stopped, SetupFailed.

    A sys.exit() and a KeyboardInterrupt that the function itself raises are its failures.
    """
    if isinstance(error, (Stopped, SetupFailed)):
        raise error
    interrupt = interrupt_in(error)
    if interrupt is not None:
        raise interrupt


def failure_from(error: BaseException, item: str, tries: int = 1) -> Failure:
    """A record of an exception that the user's function raised at the last of some `tries`.

    Long texts are cut.
    """
    import traceback  # most workers do without it

    try:
        message = masked(str(error))
    except BaseException as unprintable:
        reraise_interrupt(unprintable)
        message = f"str() of the exception raised {type(unprintable).__name__}"
    return Failure(
        item=item,
        error_type=printable(type(error).__name__, 100),
        message=printable(message) + tried(tries),
        traceback=shown_traceback("".join(traceback.format_exception(error))),
    )


def tried(tries: int) -> str:
    """The end of a message: how often an item was called, where that was more than once."""
    return f" (tried {tries} times)" if tries > 1 else ""


def shown_traceback(text: str) -> str:
    """A traceback as it is recorded: printable, without what is to be hidden, cut."""
    return both_ends(printable_lines(masked(text)), _TRACEBACK_CHARACTERS)


def picklable(error: BaseException) -> BaseException:
    """The error, or a RuntimeError with its text if another process could not unpickle it.

    A sys.exit() becomes a RuntimeError, too, as it must not end the other process.
    """
    import traceback

    error.__cause__ = None
    try:
        if isinstance(pickle.loads(pickle.dumps(error)), Exception):
            return error
    except Exception:  # noqa: S110 (its text can always be sent)
        pass
    return RuntimeError(printable_lines(masked("".join(traceback.format_exception(error)))))


def unpickling_failed(error: BaseException) -> BaseException:
    """The answer of a worker that could not unpickle the function."""
    error.add_note(
        "A worker process could not unpickle what it was sent. Everything that the function and the source refer to must be "
        "importable there, with the same sys.path, or be picklable."
    )
    return picklable(error)


def short_repr(item: object, limit: int = 60) -> str:
    """The repr of an item, shortened to one line of printable text."""
    try:
        text = masked(repr(item))
    except BaseException as error:
        reraise_interrupt(error)
        if not isinstance(item, int):
            return f"a {printable(type(item).__name__, limit)} whose repr fails"
        text = f"an integer of {item.bit_length():,} bits"  # too many digits to print
    return printable(text, limit)
