"""Items that another asset gives, loaded through that project's own IO manager."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import dagster as dg

from fanout_pipeline.sources.memory import as_source
from fanout_pipeline.sources.source import Source


@dataclass(frozen=True, slots=True)
class Upstream:
    """An asset whose value has the items: a frame of pandas or polars, an Arrow table, a list, or a dict of such.

    A dict has one for each partition, as IO managers give where several are loaded; they follow each other in the
    order of their keys.
    """

    asset: Any
    """The asset: its key as text (`orders`, `raw/orders`), an AssetKey, or its definition."""
    columns: Sequence[str] | None = None
    """The columns that the function is given: of one its plain values, else dicts. None: dicts of all."""
    type: Any = None
    """What the IO manager is asked for, where it can give several types: `pandas.DataFrame`, `pyarrow.Table`, …"""
    partition_mapping: dg.PartitionMapping | None = None
    """Which of its partitions belong to one of ours; None: Dagster's default."""
    metadata: Mapping[str, Any] | None = None
    """What the IO manager reads beside, such as the columns that it is to load."""

    def __post_init__(self) -> None:
        if isinstance(self.columns, str):
            raise TypeError(f"columns is a tuple of names: write columns=({self.columns!r},)")
        if self.columns is not None:
            object.__setattr__(self, "columns", tuple(self.columns))

    @property
    def key(self) -> dg.AssetKey:
        """The asset's key."""
        if isinstance(self.asset, str):
            return dg.AssetKey.from_user_string(self.asset)
        if isinstance(self.asset, dg.AssetKey):
            return self.asset
        found: dg.AssetKey = dg.AssetDep(self.asset).asset_key
        return found

    def asset_in(self, keep: Sequence[str]) -> dg.AssetIn:
        """The input as Dagster wires it; its IO manager is told of the columns that are needed."""
        columns = None if self.columns is None else list(dict.fromkeys([*self.columns, *keep]))
        metadata = {} if columns is None else {"columns": columns}
        type_ = {} if self.type is None else {"dagster_type": self.type}
        return dg.AssetIn(
            key=self.key,
            metadata=metadata | dict(self.metadata or {}),
            partition_mapping=self.partition_mapping,
            **type_,
        )

    def source(self, value: Any, keep: Sequence[str], one_of_several: str | None = None) -> Source:
        """The source of what was loaded, or of one of several partitions that were loaded together.

        Raises TypeError, which names the asset, where that has no items, or where the partition's are not told apart.
        """
        try:
            if one_of_several is not None:
                value = _of_partition(value, one_of_several)
            if isinstance(value, Mapping):
                value = _joined(list(value.values()))
            if hasattr(value, "collect") and hasattr(value, "collect_schema"):  # polars' LazyFrame
                value = value.collect()
            return as_source(value, self.columns, keep)
        except TypeError as error:
            raise TypeError(
                f"The asset {self.key.to_user_string()} cannot be fanned out over: {error}"
            ) from None


def _of_partition(value: Any, partition: str) -> Any:
    if not isinstance(value, Mapping) or partition not in value:
        kind = type(value).__name__
        raise TypeError(
            f"the IO manager gives a {kind} for all partitions of the run, in which that of {partition} is not found by "
            "its key. Leave out BackfillPolicy.single_run(), so that each partition has a run of its own"
        )
    return value[partition]


def _joined(values: list[Any]) -> Any:
    """What several partitions hold, one after the other."""
    kinds = {type(value) for value in values}
    if len(kinds) > 1:
        names = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise TypeError(f"its partitions are of different types, {names}")
    kind = next(iter(kinds), list)
    package = kind.__module__.partition(".")[0]
    if package == "pandas":
        import pandas

        return pandas.concat(values, ignore_index=True)
    if package == "polars":
        import polars

        return polars.concat(values)
    if package == "pyarrow":
        import pyarrow

        return pyarrow.concat_tables(values)
    if not issubclass(kind, Iterable) or issubclass(kind, str | bytes | Mapping):
        raise TypeError(f"its partitions are of type {kind.__name__}, which may be one item each")
    return list(chain.from_iterable(values))
