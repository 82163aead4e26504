"""What the user's function raised, and on which item, in words that can be sent and shown anywhere."""

from __future__ import annotations

from fanout_pipeline.fanout.contract import Failure

_MESSAGE_CHARACTERS = 2_000
_TRACEBACK_CHARACTERS = 10_000


def described(error: BaseException, item: str, tries: int = 1) -> Failure:
    """An exception of the user's function, in a form that can be sent, stored and shown anywhere.

    The message says how many `tries` there were, if more than one. Long texts are cut.
    """
    import traceback  # here, for workers whose function never raises do without it

    try:
        message = str(error)
    except Exception as unprintable:
        message = f"(its text cannot be had: {type(unprintable).__name__})"
    tried = f" (tried {tries} times)" if tries > 1 else ""
    told = _cut("".join(traceback.format_exception(error)), _TRACEBACK_CHARACTERS)
    return Failure(
        item=_cut(item, _MESSAGE_CHARACTERS),
        error_type=type(error).__name__,
        message=_cut(message, _MESSAGE_CHARACTERS) + tried,
        traceback=told,
    )


def _cut(text: str, limit: int) -> str:
    """The beginning and the end of a long text; what is no Unicode, escaped."""
    if len(text) > limit:
        half = limit // 2
        left_out = len(text) - 2 * half
        text = f"{text[:half]}\n… ({left_out:,} characters left out) …\n{text[-half:]}"
    return text.encode(errors="backslashreplace").decode()


def shown(item: object, limit: int = 60) -> str:
    """An item's repr, shortened."""
    try:
        text = repr(item)
    except Exception:  # an integer with too many digits to print, an object that is broken
        text = f"an integer of {item.bit_length():,} bits" if isinstance(item, int) else "?"
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"
