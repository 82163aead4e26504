"""Which columns results have: `index`, kept columns of the input, and `result` or the fields of dicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from fanout_pipeline.results.files.printable import printable
from fanout_pipeline.results.types.kinds import NULL, Kind, MixedTypes, common

OWN_COLUMNS = ("index", "key", "result")
"""Names that neither a kept column nor a field of an unpacked dict may have."""


class Layout(NamedTuple):
    """What the user has said about the columns of results."""

    keep: tuple[str, ...] = ()
    """The columns of the input that are kept beside the results."""
    unpack: bool = False
    """Whether the fields of results that are dicts are columns, in place of one column `result`."""
    kind: Kind | None = None
    """The kind that every result must have; None: that which they have in common."""


PLAIN = Layout()
"""The default: `index` and `result`."""


class Kinds(NamedTuple):
    """The kinds that the columns of some parts have in common."""

    result: Kind = NULL
    """That of the results."""
    kept: Mapping[str, Kind] = MappingProxyType({})
    """Those of the kept columns."""

    def including(self, result: Kind, kept: Mapping[str, Kind]) -> Kinds:
        """With those of one more part. Raises MixedTypes.

        A kept column of integers in one part and floats in another is one of floats, as if it had been
        read at once: an input has 1 and 1.5 in one column. So it is with Decimals of several scales.
        """
        both = {**self.kept}
        for name, kind in kept.items():
            before = both.get(name, NULL)
            try:
                both[name] = widened(before, kind)
            except MixedTypes as error:
                whose = f"the kept column {name!r} has"
                raise error.of(whose, "a column to keep must be of one type") from None
        return Kinds(common(self.result, result), both)


def widened(one: Kind, other: Kind) -> Kind:
    """The kind of a column that holds values of both, as of integers and of floats. Raises MixedTypes.

    Not every value of either need be one of it: whoever converts them looks (`arrow_types.cast`).
    """
    return common(one, other, _by_arrow)


def _by_arrow(one: str, other: str) -> Kind | None:
    import pyarrow

    from fanout_pipeline.results.types.arrow_types import kind_of, type_of

    stored = [type_of(kind) for kind in (one, other)]
    if any("string" in str(kind) for kind in stored):
        return None  # Arrow would make bytes of texts beside bytes, and some texts are Decimals.
    schemas = [pyarrow.schema([("", kind)]) for kind in stored]
    try:
        schema = pyarrow.unify_schemas(schemas, promote_options="permissive")
    except pyarrow.ArrowException:
        return None
    return kind_of(schema.field(0).type)


def columns_of(kind: Kind, kept: Mapping[str, Kind], unpack: bool) -> dict[str, Kind]:
    """The kinds of all columns beside `index`, in their order. `kind` is that of the results."""
    return {**kept, **(kind if unpack and isinstance(kind, dict) else {"result": kind})}


def require_free(fields: Iterable[str], keep: Iterable[str]) -> None:
    """Raise TypeError where a field of an unpacked dict has the name of another column, in whatever case.

    DuckDB and others that read the files do not tell `Index` from `index`.
    """
    taken = {name.lower(): name for name in (*OWN_COLUMNS, *keep)}
    for name in fields:
        if name.lower() in taken:
            raise TypeError(
                f"the function returns a dict with the field {printable(repr(name))}, which is the name of "
                f"another column of the results ({', '.join(sorted(taken.values()))}), in "
                "upper or lower case: return it under another name, or leave out unpack=True"
            )
        taken[name.lower()] = name
