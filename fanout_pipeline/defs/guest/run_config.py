"""Run config of a fan-out's asset: the fields of `Options`, whose defaults are those that code has given."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, Literal

import dagster as dg
from pydantic import Field, create_model

from fanout_pipeline.defs.config.resources import Fanout
from fanout_pipeline.engine.model.changes import Asked, Removed, Which
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.registry import AUTO, RUNNABLE

CHOICES = tuple(RUNNABLE)
STRATEGY = (
    "How the calls are made. auto chooses while it makes them; asyncio is for async functions, vectorized for a "
    "batch function."
)
_OF_RUNS = ("resume", "failed_share")
"""Fields that say how a run is treated, beside how calls are made."""
_ITEMS = (
    "Which items are called; new ones are in any case. changed: those whose content has changed, those that failed, "
    "and all if the function or what it depends on has changed. failed: those that failed; the other results stand, "
    "whatever has changed. missing: no others. all: every item."
)
_REMOVED = (
    "What becomes of results whose items are no longer in the input. drop: they go. keep: they stay, after those of "
    "the input's items."
)
_RESUME = (
    "Whether the calls are kept that an earlier run had made when it died, failed or was cancelled. Results that are "
    "visible are kept in any case: `items` says which."
)
OPTIONS = tuple(
    one.name
    for one in fields(Options)
    if one.name in Fanout.model_fields and one.name != "start_method"  # of baselines only
)


def declared(name: str) -> tuple[Any, Any]:
    """The type and the description of a field, as the resource declares it."""
    declared = Fanout.model_fields[name]
    return declared.annotation, declared.description


def config_class(
    name: str, options: Options, asked: Asked | None, **of_runs: Any
) -> type[dg.Config]:
    """The config of one asset's runs. `of_runs`: defaults of fields of `Fanout` that are no options.

    `asked`: what runs do if nothing else is said, of an asset whose items have a key.
    """
    found: dict[str, Any] = {}
    for field in (*OPTIONS, *_OF_RUNS):
        annotation, text = declared(field)
        default = getattr(options, field) if field in OPTIONS else of_runs.get(field, True)
        if callable(default):  # Config cannot hold it: None stands for it.
            default = None
        default = list(default) if isinstance(default, tuple) else default
        found[field] = annotation, Field(default=default, description=text)
    strategy = Field(default=options.strategy or AUTO, description=STRATEGY)
    of_keys: dict[str, Any] = {}
    if asked is not None:
        of_keys["items"] = Which, Field(default=asked.items, description=_ITEMS)
        of_keys["removed"] = Removed, Field(default=asked.removed, description=_REMOVED)
        found["resume"] = bool, Field(default=True, description=_RESUME)
    found = of_keys | {"strategy": (Literal[CHOICES], strategy)} | found
    return create_model(name, __base__=dg.Config, **found)


def chosen_options(config: Any, options: Options) -> Options:
    """The options of a run: what code has given, as far as its config says nothing else."""
    found = {field: getattr(config, field) for field in OPTIONS}
    found["retry_on"] = tuple(found["retry_on"])
    if found["retry_after"] is None:
        found["retry_after"] = options.retry_after
    return replace(options, strategy=config.strategy, **found)


def asked_of(config: Any) -> Asked:
    """What a run is asked for: of an asset whose items have no key, what any run does."""
    return Asked(config.items, config.removed) if hasattr(config, "items") else Asked()
