"""What the user's function raised, and on which item, in words that can be sent and shown anywhere."""

from __future__ import annotations

import pickle

from fanout_pipeline.fanout.calling import require_failed
from fanout_pipeline.fanout.contract import Failure
from fanout_pipeline.parts.visible import both_ends, visible, visible_lines

_TRACEBACK_CHARACTERS = 10_000


def described(error: BaseException, item: str, tries: int = 1) -> Failure:
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
    told = visible_lines("".join(traceback.format_exception(error)))
    return Failure(
        item=item,
        error_type=visible(type(error).__name__, 100),
        message=visible(message) + tried,
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
    return RuntimeError(visible_lines("".join(traceback.format_exception(error))))


def unreadable(error: BaseException) -> BaseException:
    """What a worker answers with that could not unpickle the function."""
    error.add_note(
        "A worker process could not read the function. What it is made of must be importable there, "
        "with the same sys.path, or hold nothing that cannot be pickled."
    )
    return sendable(error)


def shown(item: object, limit: int = 60) -> str:
    """An item's repr, shortened, in one line of printable text."""
    try:
        text = repr(item)
    except BaseException as error:
        require_failed(error)
        if not isinstance(item, int):
            return f"a {visible(type(item).__name__, limit)} whose repr fails"
        text = f"an integer of {item.bit_length():,} bits"  # too many digits to print
    return visible(text, limit)
