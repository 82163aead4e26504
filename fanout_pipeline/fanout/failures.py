"""What the user's function raised, and on which item, in words that can be sent and shown anywhere."""

from __future__ import annotations

from fanout_pipeline.fanout.contract import Failure


def described(error: BaseException, item: str) -> Failure:
    """An exception of the user's function, in a form that can be sent and shown anywhere."""
    import traceback  # here, for workers whose function never raises do without it

    return Failure(
        item=item,
        error_type=type(error).__name__,
        message=str(error),
        traceback="".join(traceback.format_exception(error)),
    )


def shown(item: object, limit: int = 60) -> str:
    """An item's repr, shortened."""
    try:
        text = repr(item)
    except ValueError:  # an integer with too many digits to print
        text = f"an integer of {item.bit_length():,} bits" if isinstance(item, int) else "?"
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"
