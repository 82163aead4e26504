"""The user's function with the type of its results stated: another result is an error of its call.

So it is retried, put into quarantine and named like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fanout_pipeline.engine.calls.invoke import is_async
from fanout_pipeline.results.types.kinds import Kind


def typed(function: Callable[..., Any], kind: Kind | None) -> Callable[..., Any]:
    """The function, which raises WrongType for a result that is not of this kind; None: itself."""
    if kind is None:
        return function
    return TypedAsync(function, kind) if is_async(function) else Typed(function, kind)


def stated(function: Callable[..., Any]) -> Callable[..., Any]:
    """The user's own function, to name it in messages."""
    return function.function if isinstance(function, Typed) else function


class Typed:
    """A plain function whose results are of a stated kind. It can be pickled where the function can."""

    def __init__(self, function: Callable[..., Any], kind: Kind):
        self.function = function
        self.kind = kind

    def __call__(self, *given: Any) -> Any:
        result = self.function(*given)
        _require_stated(result, self.kind)
        return result


class TypedAsync(Typed):
    """An async function whose results are of a stated kind."""

    async def __call__(self, *given: Any) -> Any:
        result = await self.function(*given)
        _require_stated(result, self.kind)
        return result


def _require_stated(result: Any, kind: Kind) -> None:
    from fanout_pipeline.results.types.stated import require_stated  # Arrow

    require_stated(result, kind)
