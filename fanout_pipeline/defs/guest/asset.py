"""`fanout_asset`: a function over many items as one asset of any Dagster project."""

from __future__ import annotations

import functools
import inspect
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, overload
from weakref import WeakKeyDictionary

import dagster as dg

from fanout_pipeline.defs.guest.checks import check_specs
from fanout_pipeline.defs.guest.handed_over import require_type
from fanout_pipeline.defs.guest.io_manager import FanoutIOManager
from fanout_pipeline.defs.guest.run_config import config_class
from fanout_pipeline.defs.guest.step import Guest, Step
from fanout_pipeline.defs.guest.upstream import Upstream
from fanout_pipeline.engine.functions.identity import code_version as version_of
from fanout_pipeline.engine.functions.name import function_name
from fanout_pipeline.engine.model.changes import Removed
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.spec import Dependency, FanoutSpec
from fanout_pipeline.engine.said import asked_with, chosen_options, require_callable, with_key
from fanout_pipeline.sources.columns import nearest
from fanout_pipeline.sources.memory import as_source
from fanout_pipeline.sources.placeholders import PARTITION
from fanout_pipeline.sources.source import Source

_guests: WeakKeyDictionary[Any, Guest] = WeakKeyDictionary()
"""The fan-outs by what Dagster runs for them, which stays the same when an asset's attributes are changed."""

_IO_MANAGER = dg.IOManagerDefinition.hardcoded_io_manager(FanoutIOManager())


@overload
def fanout_asset(
    function: Callable[..., Any], *, over: Source | Upstream | Callable[[str], Source], **how: Any
) -> dg.AssetsDefinition: ...
@overload
def fanout_asset(
    *, over: Source | Upstream | Callable[[str], Source], **how: Any
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]: ...
def fanout_asset(
    function: Callable[..., Any] | None = None,
    *,
    over: Source | Upstream | Callable[[str], Source],
    name: str | None = None,
    key_prefix: str | Sequence[str] | None = None,
    options: Options | None = None,
    strategy: str | None = None,
    batch_function: Callable[..., Any] | None = None,
    setup: Callable[..., Any] | None = None,
    resources: Mapping[str, Any] | Iterable[str] = (),
    key: str | Callable[[Any], Any] | None = None,
    duplicates: Literal["error", "once"] = "error",
    removed: Removed = "drop",
    keep: Sequence[str] = (),
    unpack: bool = True,
    result_type: Any = None,
    tolerance: float = 1e-9,
    thread_safe: bool = False,
    depends_on: Sequence[Dependency] = (),
    code_version: str | None = None,
    failed_share: float = 0.05,
    blocking: bool = False,
    io_manager_key: str | None = None,
    partitions_def: dg.PartitionsDefinition[Any] | None = None,
    deps: Iterable[Any] | None = None,
    description: str | None = None,
    kinds: set[str] | None = None,
    **dagster: Any,
) -> Any:
    """An asset whose results are those of the function, called with each item of `over`, in the order of the items.

    Used as a call, or as a decorator of the function, without its first argument. `over` is a source, whose relative
    path is under the data root; `Upstream("orders")` for the value of another asset; or, with partitions, a function
    from a partition's key to a source. A source's path may name the partition: `Files("inbox/{partition}/*.json")`.

    The keywords from `options` to `code_version` are those of `fan_out`. With a `key` a run calls only items that are
    new, have changed or had failed, unless its run config asks for others (`items`, `removed`). `resources` are given to `setup` by name: the
    project's own, as in `resources={"api"}`, or `{"api": ApiKey(...)}` for this asset alone. With `blocking=True` failed
    items keep downstream assets from running, where they are more than `failed_share`. With `io_manager_key` results go
    on to that IO manager of the project, as a pandas DataFrame or the type of table that `dagster_type` names. All else
    that `dg.asset` takes is passed on: `group_name`, `tags`, `owners`, `automation_condition`, `retry_policy`, `pool`,
    `op_tags`, `backfill_policy`, …
    """
    given = {one: value for one, value in locals().items() if one not in ("function", "dagster")}
    _require_known(dagster, given)
    if io_manager_key is not None:
        require_type(dagster.get("dagster_type"))
    if function is None:
        return lambda decorated: fanout_asset(decorated, **given, **dagster)
    require_callable(function, setup)
    if name is None:
        name = getattr(function, "__name__", "")
        if not re.fullmatch(r"\w+", name):
            raise ValueError("Give the asset a name: name='scored'. The function has none.")
    asset_key = dg.AssetKey(
        [*([key_prefix] if isinstance(key_prefix, str) else key_prefix or ()), name]
    )
    where = f"the asset {asset_key.to_user_string()}"
    _require_over(over, where, partitions_def)
    if not 0 <= failed_share <= 1:
        raise ValueError(f"failed_share is a share, from 0 to 1, not {failed_share}")
    options = chosen_options(options, strategy)
    by_name, bound = _resources(resources, asset_key)
    spec = FanoutSpec(
        re.sub(r"\W", "_", "_".join(asset_key.path)),
        over if isinstance(over, Source) else as_source(()),
        function,
        batch_function,
        depends_on=depends_on,  # type: ignore[arg-type]
        tolerance=tolerance,
        key=key,
        duplicates=duplicates,
        keep=with_key(keep, key),
        unpack=unpack,
        result_type=result_type,
        setup=setup,
        resources=dict.fromkeys(by_name),
        thread_safe=thread_safe,
        code_version=code_version,
    )
    guest = Guest(
        key=asset_key,
        spec=spec,
        over=over,
        options=options,
        partitions_def=partitions_def,
        resources=by_name,
        verifies=options.verify > 0,
        hands_over=io_manager_key is not None,
    )
    versions = [version_of(spec, one) for one in (function, batch_function) if one is not None]

    def step(context: Any, config: Any, **loaded: Any) -> Iterator[Any]:
        yield from Step(guest, context, config, loaded).run()

    asked = asked_with(key, removed)
    keyed = None if key is None else asked
    config_type = config_class(f"{spec.name}_config", options, keyed, failed_share=failed_share)
    step.__annotations__ |= {"context": dg.AssetExecutionContext, "config": config_type}
    with warnings.catch_warnings():
        # Of resource_defs, io_manager_def and backfill_policy.
        warnings.simplefilter("ignore", dg.BetaWarning)
        asset = dg.asset(
            key=asset_key,
            ins={"upstream": over.asset_in(spec.keep)} if isinstance(over, Upstream) else None,
            deps=deps,
            description=description or _description(function, over),
            kinds=kinds or {"python", "parquet"},
            code_version=" ".join(dict.fromkeys(versions)),
            check_specs=check_specs(asset_key, guest.verifies, blocking),
            partitions_def=partitions_def,
            resource_defs=bound,
            required_resource_keys={one for one in by_name.values() if one not in bound},
            **{"io_manager_key": io_manager_key}
            if io_manager_key
            else {"io_manager_def": _IO_MANAGER},
            **dagster,
        )(step)
    _guests[asset.node_def] = guest
    return asset


def fanout_of(asset: dg.AssetsDefinition) -> Guest | None:
    """The fan-out that an asset is; None if it is none."""
    return _guests.get(asset.node_def) if asset.is_executable else None


def _description(
    function: Callable[..., Any], over: Source | Upstream | Callable[[str], Source]
) -> str:
    """The function's own words, or else which function is called with what."""
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(over, Upstream):
        where = f"the asset {over.key.to_user_string()}"
    else:
        where = str(over) if isinstance(over, Source) else "each partition's source"
    return (
        inspect.getdoc(function) or f"{function_name(function)}, called with each item of {where}."
    )


def _require_known(keywords: Iterable[str], own: Iterable[str]) -> None:
    """Raises TypeError, which names the nearest, for a keyword that neither this nor `dg.asset` takes."""
    known = [*own, *inspect.signature(dg.asset).parameters]
    for one in keywords:
        if one not in known:
            raise TypeError(f"fanout_asset has no {one!r}. {nearest(one, known)}")


def _require_over(over: Any, where: str, partitions_def: Any) -> None:
    """Raises TypeError or ValueError where the items of a run, or of a partition, would not be known."""
    if isinstance(over, Upstream):
        return
    if not isinstance(over, Source) and not callable(over):
        raise TypeError(
            f"over of {where} is of type {type(over).__name__}: give a source, such as Parquet('orders.parquet'), or "
            "Upstream('orders') for the value of another asset. A list or a frame is what fan_out takes, inside of an "
            "asset of your own."
        )
    if not isinstance(over, Source):
        if partitions_def is None:
            raise TypeError(
                f"over of {where} is a function of a partition's key, and it has no partitions."
            )
        return
    if partitions_def is None:
        if PARTITION in over.placeholders:
            raise ValueError(
                f"{over} names a partition, and {where} has none: give partitions_def."
            )
        return
    known = [PARTITION, *getattr(partitions_def, "partition_dimension_names", ())]
    if unknown := sorted(over.placeholders.difference(known)):
        raise ValueError(
            f"{over} names {{{unknown[0]}}}, which {where} has not. {nearest(unknown[0], known)}"
        )
    if not over.placeholders:
        raise ValueError(
            f"Every partition of {where} would read the same input, {over}. Name the partition in the path, as in "
            "Files('inbox/{partition}/*.json'), or give a function that takes a partition's key and returns the source."
        )


def _resources(
    resources: Mapping[str, Any] | Iterable[str], key: dg.AssetKey
) -> tuple[dict[str, str], dict[str, Any]]:
    """The keys under which Dagster has each resource, by its name, and those that are the asset's own."""
    if isinstance(resources, str):
        raise TypeError(f"resources is a set of names: write resources={{{resources!r}}}")
    if not isinstance(resources, Mapping):
        return {name: name for name in resources}, {}
    own = {name: "__".join([*key.path, name]) for name in resources}  # Nobody else's.
    return own, {own[name]: value for name, value in resources.items()}
