"""Resources that `setup` is given: as they are sent to workers, rebuilt there, and which of their texts are secret.

Dagster's resources survive neither pickle nor cloudpickle, and their repr shows what they hold. So their class is sent
with the values of their fields, as they are when environment variables have been looked up. They are told by what they
can do, for the engine does not import dagster. Anything else is sent as it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from importlib import import_module
from operator import attrgetter
from typing import Any

from fanout_pipeline.engine.functions.importable import can_import
from fanout_pipeline.engine.functions.name import function_name
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.model.work import Setup

SHORTEST_SECRET = 8
"""Texts with fewer characters than this are masked only if they were declared as secrets (pydantic's SecretStr)."""
_DEPTH = 6
"""How deep secrets are looked for: attributes of attributes."""
_LIFE_CYCLE = (
    "setup_for_execution",
    "teardown_after_execution",
    "yield_for_execution",
    "create_resource",
)
"""What a resource's class overrides if there is more to it than its fields."""


class Dismantled:
    """A resource of Dagster as its class and fields."""

    def __init__(self, owner: type | tuple[str, str], fields: Mapping[str, Any]):
        self.owner = owner
        """The class, or its module and name: workers import the module, whatever else it holds."""
        self.fields = fields

    def assembled(self) -> Any:
        """The same resource, not begun yet."""
        owner: Any = self.owner
        if isinstance(owner, tuple):
            module, name = owner
            owner = attrgetter(name)(import_module(module))
        return owner(**{name: _assembled(value) for name, value in self.fields.items()})


def setup_of(spec: FanoutSpec, options: Options | None = None) -> Setup | None:
    """What workers make with the spec's `setup`. Raises ValueError, naming the resource that lacks something.

    Raises TypeError where `setup` is not called with the resources that there are.
    """
    if spec.setup is None:
        return None
    _require_taken(spec.setup, spec.resources)
    return Setup(
        spec.setup,
        {name: sendable(one, name) for name, one in spec.resources.items()},
        options.recycle_after if options is not None else None,
    )


def _require_taken(setup: Callable[..., Any], resources: Mapping[str, Any]) -> None:
    try:
        signature = inspect.signature(setup)
    except (ValueError, TypeError):
        return  # Of some built-in functions nobody knows.
    try:
        signature.bind(**resources)
    except TypeError as error:
        given = (
            f"resources {', '.join(resources)}"
            if resources
            else "nothing, for there are no resources"
        )
        raise TypeError(
            f"setup {function_name(setup)}{signature} is called with {given}: {error}. Its parameters are the names "
            "of resources."
        ) from None


def sendable(value: Any, name: str) -> Any:
    """A resource, named in errors, as it can be sent."""
    if _is_dagsters(value):
        owner = type(value)
        named = can_import(owner.__module__) and "<locals>" not in owner.__qualname__
        return Dismantled(
            (owner.__module__, owner.__qualname__) if named else owner,
            {field: sendable(getattr(value, field), name) for field in owner.model_fields},
        )
    if hasattr(value, "env_var_name") and hasattr(value, "get_value"):
        found = value.get_value()
        if found is None:
            raise ValueError(
                f"resource {name} takes a value from the environment variable {value.env_var_name}, which is "
                "not set: set it"
            )
        return found
    if type(value).__name__ == "PartialResource":
        raise ValueError(
            f"resource {name} is configured at launch: pass the one that Dagster gives to the asset"
        )
    if type(value) is dict:
        return {key: sendable(one, name) for key, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(sendable(one, name) for one in value)
    return value


def begun(resources: Mapping[str, Any], stack: ExitStack) -> dict[str, Any]:
    """The resources as `setup` takes them. Those with a life cycle are set up as in a run, and torn down by `stack`."""
    made = {}
    for name, one in resources.items():
        made[name] = _assembled(one)
        if isinstance(one, Dismantled) and _has_life_cycle(made[name]):
            made[name] = stack.enter_context(made[name].process_config_and_initialize_cm())
    return made


def secrets_of(value: Any) -> set[str]:
    """Texts anywhere in a value that nobody may see, and what becomes of them in a repr or an address."""
    found = set(_texts(value, set()))
    if not found:
        return found
    from urllib.parse import quote

    escaped = {repr(one)[1:-1] for one in found} | {repr(one.encode())[2:-1] for one in found}
    return found | escaped | {quote(one, safe="") for one in found} | {quote(one) for one in found}


def _texts(value: Any, seen: set[int], depth: int = _DEPTH) -> Iterator[str]:
    if id(value) in seen or isinstance(value, type):
        return
    seen.add(id(value))
    if hasattr(value, "get_secret_value"):
        secret = value.get_secret_value()
        yield from [secret] if isinstance(secret, str) and secret else _texts(secret, seen, depth)
    elif isinstance(value, bytes):
        yield from _texts(value.decode(errors="replace"), seen, depth)
    elif isinstance(value, str):
        if len(value) >= SHORTEST_SECRET:
            yield value
    elif depth:
        for one in inside(value):
            yield from _texts(one, seen, depth - 1)


def inside(value: Any) -> Iterator[Any]:
    """The values in a value: of a dict, a list or the like, or an object's attributes."""
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from value
    else:
        yield from getattr(value, "__dict__", {}).values()
        yield from (getattr(value, name, None) for name in getattr(type(value), "__slots__", ()))


def _assembled(value: Any) -> Any:
    if isinstance(value, Dismantled):
        return value.assembled()
    if type(value) is dict:
        return {key: _assembled(one) for key, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_assembled(one) for one in value)
    return value


def _is_dagsters(value: Any) -> bool:
    kind = type(value)
    return hasattr(kind, "model_fields") and hasattr(kind, "process_config_and_initialize_cm")


def _has_life_cycle(value: Any) -> bool:
    """Whether Dagster would do more than make it, or what it is nested in it."""
    if not _is_dagsters(value):
        return False
    kind = type(value)
    return any(
        getattr(kind, name).__module__.partition(".")[0] != "dagster" for name in _LIFE_CYCLE
    ) or any(_has_life_cycle(getattr(value, field)) for field in kind.model_fields)
