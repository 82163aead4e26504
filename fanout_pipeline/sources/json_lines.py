"""A text file with one JSON value a line: JSON Lines, also known as NDJSON.

Means exactly what `[json.loads(line) for line in file]` means, of a file opened as UTF-8: integers of any size,
NaN and Infinity, the last of equal keys, lone surrogates. A line on which that would raise cannot be read, and
so cannot a blank one: it is no JSON value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

import orjson

from fanout_pipeline.sources.columns import nearest
from fanout_pipeline.sources.lines import Lines
from fanout_pipeline.sources.raw_lines import convert_each, shortened, split
from fanout_pipeline.sources.source import BadInput, Chunk, Unreadable

if TYPE_CHECKING:
    import pandas

_ZEROS = bytes(ord("0") if ord("0") <= byte <= ord("9") else 0 for byte in range(256))
"""Makes a zero of every digit, so that a search for zeros finds long numbers: 30 times as fast as a regex."""
_LONG = b"0" * 19
_TOO_LONG = re.compile(rb"-[0-9]{19}|[0-9]{20}")
"""Some integers of so many digits do not fit in 64 bits. orjson makes floats of these, and says nothing."""
_NEAR = 20
"""How many characters before and after an error a message shows."""
_SEARCH_BYTES = 2**20
"""Searched at a time for a key."""
_ADVICE = "Each line must hold one JSON value, and the file nothing else. Correct it."


@dataclass(frozen=True, slots=True)
class JsonLines(Lines):
    """The source `path`: JSON values, one a line, UTF-8."""

    ITEM_NAME: ClassVar[str] = "JSON line"
    MIN_ITEM_BYTES: ClassVar[int] = 2
    """A digit and its line end."""
    PIECE_BYTES: ClassVar[int] = 32 * 2**10
    """The objects of so many bytes stay in a core's cache and are gone before Python's garbage collector
    looks at them again and again: 2.5 times as fast as those of a chunk (docs/decisions/json-lines.md)."""

    def parse(self, raw: bytes) -> list[Any]:
        values = self.parse_each(raw)
        if Unreadable in map(type, values):
            raise ValueError("a line that is not JSON")
        return values

    def parse_each(self, raw: bytes) -> list[Any]:
        has_long = _LONG in raw.translate(_ZEROS)
        return convert_each(split(raw), _exact if has_long else orjson.loads, _as_json_does)

    def require_columns(self, names: Sequence[str]) -> None:
        """Raises BadInput for a key that stands nowhere in the input. What is compressed is not searched."""
        missing = {name: _spellings(name) for name in names}
        keep = max(map(len, chain(*missing.values())), default=0)
        for file in self._listing().files:
            if file.path.endswith((".gz", ".zst")):
                return
            with self._open(file, through=True) as opened:
                text = b""
                while missing and (block := opened.read(_SEARCH_BYTES)):
                    text = text[-keep:] + block
                    missing = {
                        name: spellings
                        for name, spellings in missing.items()
                        if not any(spelling in text for spelling in spellings)
                    }
        for name in missing:
            first = self.read(Chunk(0, 0, min(self.version().size, _SEARCH_BYTES)))
            keys = dict.fromkeys(key for item in first if type(item) is dict for key in item)
            raise BadInput(f"No object in {self} has the key {name!r}. {nearest(name, [*keys])}")

    def series(self, items: Sequence[Any]) -> pandas.DataFrame | pandas.Series:
        """A DataFrame with a column for each key where all items are objects, else a Series of them."""
        from fanout_pipeline.sources.rows import frame_or_series

        return frame_or_series(items)


def _spellings(key: str) -> tuple[bytes, ...]:
    """A key as writers of JSON spell it."""
    return json.dumps(key).encode(), json.dumps(key, ensure_ascii=False).encode(
        errors="surrogatepass"
    )


def _exact(line: bytes) -> Any:
    return _as_json_does(line) if _TOO_LONG.search(line) else orjson.loads(line)


def _as_json_does(line: bytes) -> Any:
    """What Python's `json` makes of a line, an Unreadable where it makes nothing."""
    shown = None
    try:
        return json.loads(line.decode())
    except UnicodeDecodeError as error:
        reason = f"is not UTF-8 (byte 0x{line[error.start]:02x} at position {error.start})"
    except json.JSONDecodeError as error:
        reason = "is blank"
        if line.strip(b" \t\r"):
            reason = f"is not JSON ({error.msg} at column {error.colno})"
            if len(line) > 2 * _NEAR and error.pos > _NEAR:
                near = error.doc[error.pos - _NEAR : error.pos + _NEAR]
                shown = f"…{near!a}… ({len(line):,} bytes)"
    except RecursionError:
        reason = "is nested too deeply for Python"
    except ValueError:
        reason = "has more digits than Python reads (see sys.set_int_max_str_digits)"
    return Unreadable(shown or shortened(line), reason, _ADVICE)
