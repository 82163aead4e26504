"""Their messages and results must not reach a terminal or a page as they are."""

FORGED = "2026-01-01 00:00:00 +0000 - dagster - ERROR"


HOSTILE = (
    "\x1b[31m\x1b]0;owned\x07<script>alert(1)</script>![x](http://example.invalid/x.png)\u202e\0\x85 "
    f"\n{FORGED} - a line of no log\r\n# heading"
)


def raises_hostile(item):
    """For items and for batches."""
    if isinstance(item, str) and len(item) < 2:
        return item
    raise ValueError(HOSTILE + "\n" + "x" * 10_000_000)


def hostile_result(item):
    return {"a": HOSTILE, "b": "x" * 10_000_000, "c": None}[item]


class Unprintable:
    """Its repr is a text, or an error."""

    class Error(Exception):
        def __str__(self):
            raise RuntimeError

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        if self.text is None:
            raise RuntimeError
        return self.text
