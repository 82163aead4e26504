"""A function whose errors tell of its item, each in another way."""

import logging
import os


def tells(text):
    """What it does follows from the number at the end of the text."""
    number = int(text.rpartition(" ")[2])
    if number == 0:
        raise ValueError(text)
    if number == 1:
        try:
            raise KeyError(text)
        except KeyError as error:
            raise RuntimeError("no luck") from error
    if number == 2:
        error = RuntimeError("no luck")
        error.add_note(f"with {text}")
        raise error
    if number == 3:
        raise ExceptionGroup("several", [ValueError(f"not {text[4:14].upper()!a}…")])
    if number == 4:
        raise RuntimeError("no luck today")
    if number == 5:
        return int(text)
    if number == 6:
        os._exit(1)
    logging.getLogger(__name__).warning("the function's own log")
    return len(text)
