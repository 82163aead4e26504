"""What type results have: one value, one part, all parts.

The kind of a column is what the kinds of its values have in common. The order and the grouping in
which kinds are combined make no difference, so a run's kind does not depend on how it was cut.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from fanout_pipeline.results.files.printable import printable

Kind: TypeAlias = str | list[Any] | dict[str, Any]
"""A column's type, as a JSON value: the name of an Arrow type, or one of the names below; for lists, a list of
the kind of their elements, and of their length where it is fixed; for dicts, a dict of the kinds of their
values."""
NULL = "null"
"""The kind of None, which every other kind includes."""
INTEGER_KIND = "integer text"
"""The kind of integers that are stored as decimal text."""
DECIMAL_KIND = "decimal text"
"""The kind of Decimals, which are stored as text."""
UUID_KIND = "uuid text"
"""The kind of UUIDs, which are stored as text."""
_INTEGERS = ["bool", "int64", INTEGER_KIND]
"""Values of each kind can be stored as any kind that follows it."""
_PYTHON_NAMES = {
    NULL: "None",
    "int64": "int",
    INTEGER_KIND: "int",
    DECIMAL_KIND: "Decimal",
    UUID_KIND: "UUID",
    "double": "float",
    "float": "float32",
    "large_string": "str",
    "binary": "bytes",
}


_FUNCTION = "the function returns"
_ADVICE = "return one type for every item"


class MixedTypes(TypeError):
    """Results have no common kind. The message names two kinds, and where the second was found."""

    def __init__(
        self,
        names: str,
        path: str = "",
        where: str = "",
        whose: str = _FUNCTION,
        advice: str = _ADVICE,
    ):
        super().__init__(names, path, where, whose, advice)
        self._names = names
        self._path = path
        self._where = where
        self._whose = whose
        self._advice = advice

    def __str__(self) -> str:
        inside = f" in {printable('result' + self._path, 100)}" if self._path else ""
        where = f" ({self._where})" if self._where else ""
        return f"{self._whose} {self._names}{inside}; {self._advice}{where}"

    def within(self, key: str) -> MixedTypes:
        """The same error, for values below `key` in the results."""
        return MixedTypes(self._names, key + self._path)

    def found(self, where: str) -> MixedTypes:
        """The same error, with the place where the second kind was found."""
        return MixedTypes(self._names, self._path, where, self._whose, self._advice)

    def of(self, whose: str, advice: str) -> MixedTypes:
        """The same error, about values that the function did not return, and what to do then."""
        return MixedTypes(self._names, whose=whose, advice=advice)


def common(one: Kind, other: Kind, also: Callable[[str, str], Kind | None] | None = None) -> Kind:
    """The kind of a column that holds values of both. Raises MixedTypes.

    `also` is asked where two kinds that hold no others have nothing in common; None: they do not.

    A key that some dicts lack is null there, as in Arrow's structs. A bool among integers is the integer
    that it equals. Lists of one length and of another have no fixed length.
    """
    if other == NULL or one == other:
        return one
    if one == NULL:
        return other
    if isinstance(one, list) and isinstance(other, list):
        inner = _below("[]", one[0], other[0], also)
        return [inner, *one[1:]] if one[1:] == other[1:] else [inner]
    if isinstance(one, dict) and isinstance(other, dict):
        return {
            key: _below(f"[{key!r}]", one.get(key, NULL), other.get(key, NULL), also)
            for key in one | other
        }
    if one in _INTEGERS and other in _INTEGERS:
        return max(one, other, key=_INTEGERS.index)
    if also and isinstance(one, str) and isinstance(other, str):
        found = also(one, other)
        if found is not None:
            return found
    raise MixedTypes(" and ".join(sorted([kind_name(one), kind_name(other)])))


def _below(
    key: str, one: Kind, other: Kind, also: Callable[[str, str], Kind | None] | None
) -> Kind:
    try:
        return common(one, other, also)
    except MixedTypes as error:
        raise error.within(key) from None


def needs_python(kind: Kind, has_nulls: bool) -> bool:
    """Whether no dtype of pandas holds a column exactly, so that readers give Python values.

    Its integer dtypes hold 64 bits at most, and like its bool dtype no null.
    """
    if not isinstance(kind, str) or kind in (INTEGER_KIND, DECIMAL_KIND, UUID_KIND):
        return True
    return has_nulls and kind.startswith(("int", "uint", "bool"))


def kind_name(kind: Kind) -> str:
    """What messages call a kind."""
    if not isinstance(kind, str):
        return type(kind).__name__
    name, equals, _ = kind.rpartition(" = ")  # see `arrow_types.kind_of`
    return printable(name if equals else _PYTHON_NAMES.get(kind, kind), 100)
