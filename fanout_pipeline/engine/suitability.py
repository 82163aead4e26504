"""Whether a strategy can do what a run asks of it: checked before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fanout_pipeline.engine.calls.invoke import is_async
from fanout_pipeline.engine.functions.name import function_name
from fanout_pipeline.engine.functions.serialize import can_be_sent_by_name
from fanout_pipeline.engine.model.options import LIMITS, FailurePolicy, Options
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.model.strategy import Feature, Strategy
from fanout_pipeline.engine.system.import_path import importing_from


class Unsupported(ValueError):
    """A baseline was asked for what it lacks. The message says what, and what to use instead."""


def unsuited(
    strategy: Strategy, spec: FanoutSpec, options: Options | None = None, *, resume: bool = False
) -> str | None:
    """Why the strategy cannot run this fan-out, in a sentence or two; None where it can."""
    if strategy.batch and spec.batch_function is None:
        return f"{strategy.name} calls a batch function, and {spec.name} has none."
    if strategy.awaits and not is_async(spec.function):
        return f"{strategy.name} awaits its calls, and the function of {spec.name} is not async."
    if strategy.baseline and (asked := _asked_in_vain(strategy, spec, options, resume)):
        return (
            f"{strategy.name} is kept for comparison only, and does not support "
            f"{' or '.join(asked.values())}. Use multiprocess instead."
        )
    return None


def unsuited_baselines(
    strategies: Iterable[Strategy], spec: FanoutSpec, options: Options
) -> dict[str, str]:
    """The baselines among the strategies that cannot run this fan-out, each with the reason."""
    reasons = {one.name: unsuited(one, spec, options) for one in strategies if one.baseline}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def require_suited(
    strategy: Strategy,
    spec: FanoutSpec,
    options: Options,
    resume: bool,
    log: Callable[[str], object],
) -> None:
    """Raise Unsupported where a baseline lacks what is asked for; other strategies warn of it."""
    asked = _asked_in_vain(strategy, spec, options, resume)
    if strategy.baseline and asked:
        raise Unsupported(unsuited(strategy, spec, options, resume=resume))
    for feature in asked:
        log(not_applied(feature, strategy.name))


def not_applied(feature: Feature, strategy: str) -> str:
    """The warning that a strategy does not do what is asked for."""
    warning = f"Warning: {feature} is not applied by {strategy}"
    if feature == "item_timeout_seconds":
        can = "multiprocess and auto can, and asyncio can for async functions"
        return f"{warning}, which cannot end a call: {can}."
    return f"{warning}. Use multiprocess."


def _asked_in_vain(
    strategy: Strategy, spec: FanoutSpec, options: Options | None, resume: bool
) -> dict[Feature, str]:
    """What the strategy lacks of all that is asked for, as its user wrote it."""
    asked: dict[Feature, str] = {}
    if options is not None:
        asked |= _asked_of_failures(options.failures)
        if options.worker_memory_mb is not None:
            asked["worker_memory_mb"] = f"worker_memory_mb={options.worker_memory_mb}"
        limits = [
            f"{name}={value}" for name in LIMITS if (value := getattr(options, name)) is not None
        ]
        if limits:
            asked["limits"] = " or ".join(limits)
    if spec.setup is not None:
        asked["setup"] = f"setup={function_name(spec.setup)}"
    if resume:
        asked["resume"] = "resume=True"
    if "by_value" in strategy.lacks and (what := _needs_its_code(spec)):
        asked["by_value"] = f"{what}, which other processes cannot import by module and name"
    return {name: text for name, text in asked.items() if name in strategy.lacks}


def _asked_of_failures(policy: FailurePolicy) -> dict[Feature, str]:
    asked: dict[Feature, str] = {}
    if policy.retries:
        asked["retries"] = f"retries={policy.retries}"
    if policy.quarantines:
        asked["quarantine"] = "on_error='quarantine'"
    if policy.item_timeout_seconds is not None:
        asked["item_timeout_seconds"] = f"item_timeout_seconds={policy.item_timeout_seconds:g}"
    if not policy.record_items:
        asked["record_items"] = "record_items=False"
    return asked


def _needs_its_code(spec: FanoutSpec) -> str | None:
    """What of the spec can be sent with its code only."""
    with importing_from(spec.import_path):
        if not can_be_sent_by_name(spec.function):
            return f"the function {function_name(spec.function)}"
        if not can_be_sent_by_name(spec.source):
            return f"the source {type(spec.source).__qualname__}"
    return None
