"""The partition in a path: `inbox/{partition}/*.json`, or a name for each dimension, `{region}/{day}.csv`.

The key of a partition is text, and stands for itself: no character of it is a wildcard.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from fanout_pipeline.sources.url import Url

PARTITION = "partition"
"""The placeholder of the whole key."""
_PLACEHOLDER = re.compile(r"\{([^\W\d][\w-]*)\}")
_WILDCARD = re.compile(r"[*?[]")
_WEB = re.compile("https?://", re.IGNORECASE)
_ELSEWHERE = ("", ".", "..")
"""Parts of a path that lead to another folder than its own name says."""


def placeholders_in(path: str) -> frozenset[str]:
    """The names in braces. Braces around anything but a name are text."""
    return frozenset(_PLACEHOLDER.findall(path))


def filled(path: str, values: Mapping[str, str]) -> str:
    """The path with these values in the places of their names; others stay as they are.

    Raises ValueError where a value would lead out of the folder that the path names.
    """
    named = {name: value for name, value in values.items() if name in placeholders_in(path)}
    for name, value in named.items():
        if not isinstance(value, str):
            raise ValueError(
                f"The partition key {value!r} is of type {type(value).__name__}: give text."
            )
        if not value or value.startswith("/") or ".." in value.split("/") or "\0" in value:
            raise ValueError(_refusal(path, name, value))
    shown = {name: _as_text(path, value) for name, value in named.items()}
    found = _PLACEHOLDER.sub(lambda one: shown.get(one[1], one[0]), path)
    if _leading_elsewhere(found) > _leading_elsewhere(path):
        guilty = (one for one in named.items() if _leading_elsewhere(one[1]))
        raise ValueError(_refusal(path, *next(guilty, next(iter(named.items())))))
    return found


def has_wildcards(path: str) -> bool:
    return _WILDCARD.search(path) is not None


def _as_text(path: str, value: str) -> str:
    """A value as it is written into a path for each of its characters to stand for itself."""
    if _WEB.match(path):
        return quote(value, safe="/")
    is_pattern = has_wildcards(path) or isinstance(path, Url)
    return _WILDCARD.sub(r"[\g<0>]", value) if is_pattern else value


def _leading_elsewhere(path: str) -> int:
    return sum(path.split("/").count(part) for part in _ELSEWHERE)


def _refusal(path: str, name: str, value: str) -> str:
    return (
        f"The partition key {value!r} cannot stand for {{{name}}} in {path}: it would lead to another "
        "folder than one of its own. Keys in paths neither begin nor end with /, and have no part that is "
        "empty, . or ..: rename the partition, or give the source as a function of the key."
    )
