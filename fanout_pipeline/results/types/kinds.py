"""What type results are of: one value, a part, all parts.

The kind of a column is what the kinds of its values have in common. It does not matter in which
groups they are put together, so that a run has one kind, or none, however it was cut.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from fanout_pipeline.results.files.printable import printable

Kind: TypeAlias = str | list[Any] | dict[str, Any]
"""The name of an Arrow type, INTEGER_KIND or DECIMAL_KIND; of lists, the kind of what they hold, in a list;
of dicts, the kinds of their values. JSON holds it."""
NULL = "null"
"""Of None, which fits to any kind."""
INTEGER_KIND = "integer text"
"""Integers stored as decimal text."""
DECIMAL_KIND = "decimal text"
"""Decimals, likewise."""
_INTEGERS = ["bool", "int64", INTEGER_KIND]
"""Each can be stored as any that follows."""
_PYTHON_NAMES = {
    NULL: "None",
    "int64": "int",
    INTEGER_KIND: "int",
    DECIMAL_KIND: "Decimal",
    "double": "float",
    "large_string": "str",
    "binary": "bytes",
}


class MixedTypes(TypeError):
    """Results have no kind in common. The message names two kinds, and where the second was met."""

    def __init__(self, names: str, path: str = "", met: str = ""):
        super().__init__(names, path, met)
        self._names = names
        self._path = path
        self._met = met

    def __str__(self) -> str:
        inside = f" in {printable('result' + self._path, 100)}" if self._path else ""
        met = f" ({self._met})" if self._met else ""
        return f"the function returns {self._names}{inside}; return one type for every item{met}"

    def within(self, key: str) -> MixedTypes:
        """The same, of what is under a key of the results."""
        return MixedTypes(self._names, key + self._path)

    def met(self, where: str) -> MixedTypes:
        """The same, with the place of the second kind."""
        return MixedTypes(self._names, self._path, where)


def common(one: Kind, other: Kind) -> Kind:
    """The kind of a column that holds values of both. Raises MixedTypes.

    A key that some dicts lack is a null there, as in Arrow's structs. A bool among integers is the
    integer that it equals. Integers and floats have nothing in common: floats round.
    """
    if other == NULL or one == other:
        return one
    if one == NULL:
        return other
    if isinstance(one, list) and isinstance(other, list):
        return [_under("[]", one[0], other[0])]
    if isinstance(one, dict) and isinstance(other, dict):
        return {
            key: _under(f"[{key!r}]", one.get(key, NULL), other.get(key, NULL))
            for key in one | other
        }
    if one in _INTEGERS and other in _INTEGERS:
        return max(one, other, key=_INTEGERS.index)
    raise MixedTypes(" and ".join(sorted([_named(one), _named(other)])))


def _under(key: str, one: Kind, other: Kind) -> Kind:
    try:
        return common(one, other)
    except MixedTypes as error:
        raise error.within(key) from None


def _named(kind: Kind) -> str:
    if not isinstance(kind, str):
        return type(kind).__name__
    name, equals, _ = kind.rpartition(" = ")  # see `arrow_kinds`
    return printable(name if equals else _PYTHON_NAMES.get(kind, kind), 100)
