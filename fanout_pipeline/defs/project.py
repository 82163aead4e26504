"""What a project has of ours, found as Dagster finds it: for `python -m fanout_pipeline doctor`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

import dagster as dg

# Which of a module's variables is the code location, and what is in it, is known to no public function.
from dagster._core.definitions.reconstruct import repository_def_from_target_def
from dagster._core.workspace.autodiscovery import loadable_targets_from_loaded_module

from fanout_pipeline.defs.guest.asset import fanout_of
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.sources.source import Source

_OURS = "fanout_pipeline"
_PRELOADED = "preloaded_multiprocess"


@dataclass(frozen=True, eq=False)
class FoundFanout:
    """A fan-out of a project."""

    name: str
    """The key of its asset, or the name of its spec."""
    spec: FanoutSpec
    options: Options
    source: Source | None = None
    """Its source, where that is known before a run."""
    pool: str | None = None
    partitioned: bool = False
    """Whether a backfill makes a run for each of its partitions."""


@dataclass(frozen=True, eq=False)
class Project:
    """What was found in a code location."""

    fanouts: tuple[FoundFanout, ...]
    at_once: int
    """How many fan-outs without a pool one run may work on at once: none of them waits for another."""
    pools: frozenset[str]
    """The pools that any step takes slots of."""
    executors: frozenset[str]
    """The names of the executors of all jobs."""

    @property
    def preloads(self) -> bool:
        """Whether steps are forked from a process that has loaded the code location."""
        return any(name.startswith(_PRELOADED) for name in self.executors)


def load_project(module: str) -> Project:
    """Import a module and find the fan-outs of its code location. Raises what the module or Dagster raises."""
    before = set(sys.modules)
    loaded = import_module(module)
    repositories = [
        found
        for target in loadable_targets_from_loaded_module(loaded)
        if (found := repository_def_from_target_def(target.target_definition)) is not None
    ]
    assets = [one for found in repositories for one in found.asset_graph.assets_defs]
    jobs = [one for found in repositories for one in found.get_all_jobs()]
    guests = _guests(assets)
    specs = {id(one.spec) for one in guests.values()}
    own = [
        FoundFanout(one.name, one, Options())
        for one in _specs(module, set(sys.modules) - before)
        if id(one) not in specs
    ]
    alone = {key for key, one in guests.items() if one.pool is None}
    return Project(
        (*guests.values(), *own),
        _at_once(alone, {key: one.asset_deps[key] for one in assets for key in one.keys}),
        frozenset(pool for one in assets if one.is_executable for pool in one.node_def.pools),
        frozenset(job.executor_def.name for job in jobs),
    )


def _guests(assets: Iterable[dg.AssetsDefinition]) -> dict[dg.AssetKey, FoundFanout]:
    found = {}
    for asset in assets:
        guest = fanout_of(asset)
        if guest is None:
            continue
        is_known = isinstance(guest.over, Source) and guest.partitions_def is None
        policy = asset.backfill_policy
        several = policy is not None and policy.max_partitions_per_run != 1
        found[guest.key] = FoundFanout(
            guest.key.to_user_string(),
            guest.spec,
            guest.options,
            guest.spec.source if is_known else None,
            asset.op.pool,
            guest.partitions_def is not None and not several,
        )
    return found


def _specs(module: str, imported: Iterable[str]) -> list[FanoutSpec]:
    """The specs that modules of the project hold: those of labs and comparisons."""
    names = {module, *imported}
    if module.partition(".")[0] != _OURS:
        names = {name for name in names if name.partition(".")[0] != _OURS}
    modules = (sys.modules.get(name) for name in sorted(names))
    values = (
        value
        for one in modules
        if isinstance(one, ModuleType)
        for value in tuple(vars(one).values())
        if isinstance(value, FanoutSpec)
    )
    return list({id(value): value for value in values}.values())


def _at_once(keys: set[dg.AssetKey], upstream: Mapping[dg.AssetKey, Iterable[dg.AssetKey]]) -> int:
    """How many of these assets may be under way at once: the most that have as many of the others before them."""

    def above(key: dg.AssetKey) -> set[dg.AssetKey]:
        found, left = set(), [key]
        while left:
            new = [one for one in upstream.get(left.pop(), ()) if one not in found]
            found.update(new)
            left += new
        return found & keys

    before = {key: above(key) for key in keys}
    depths: dict[dg.AssetKey, int] = {}
    for key in sorted(keys, key=lambda key: len(before[key])):
        depths[key] = max((depths[one] + 1 for one in before[key]), default=0)
    return max(Counter(depths.values()).values(), default=0)
