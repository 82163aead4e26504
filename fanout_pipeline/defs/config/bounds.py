"""Numbers with bounds, and checked texts, that Dagster itself refuses before it creates a run.

Pydantic's bounds (`ge`, `le`) are looked at when an op or a resource is built, which is in the run.
These types are part of the config schema: the launchpad and the command line reject the value.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from dagster._config import ConfigScalar, ConfigScalarKind
from dagster._config.errors import PostProcessingError
from pydantic_core import core_schema


class _BoundedInt(ConfigScalar):
    """A config type for Dagster and, as an annotation, a schema for pydantic."""

    def __init__(self, low: int, high: int):
        self.low, self.high = low, high
        super().__init__(
            key=f"Int_{low}_to_{high}",
            given_name=f"Int_{low}_to_{high}",
            scalar_kind=ConfigScalarKind.INT,
            description=f"A whole number from {low:,} to {high:,}.",
        )

    def post_process(self, value: Any) -> int:
        if not self.low <= value <= self.high:
            raise PostProcessingError(
                f"must be a whole number from {self.low:,} to {self.high:,}, not {value:,}"
            )
        return int(value)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.int_schema(ge=self.low, le=self.high)


class _BoundedFloat(ConfigScalar):
    """The same for numbers that need not be whole."""

    def __init__(self, low: float, high: float):
        self.low, self.high = low, high
        name = f"Float_{low:g}_to_{high:g}".translate(str.maketrans(".-+", "___"))
        super().__init__(
            key=name,
            given_name=name,
            scalar_kind=ConfigScalarKind.FLOAT,
            description=f"A number from {low:,} to {high:,}.",
        )

    def post_process(self, value: Any) -> float:
        if not self.low <= value <= self.high:  # nor is NaN
            raise PostProcessingError(f"must be from {self.low:,} to {self.high:,}, not {value:,}")
        return float(value)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.float_schema(ge=self.low, le=self.high)


def _class_name(name: str) -> None:
    if not all(part.isidentifier() for part in name.split(".")):
        raise ValueError(
            f"must be the name of an exception class, like TimeoutError or "
            f"requests.exceptions.ConnectionError, not {name!r}"
        )


class CheckedText(ConfigScalar):
    """A text for which `check` raises no ValueError; its message says what is allowed."""

    def __init__(self, name: str, description: str, check: Callable[[str], object]):
        self.check = check
        super().__init__(
            key=name,
            given_name=name,
            scalar_kind=ConfigScalarKind.STRING,
            description=description,
        )

    def post_process(self, value: Any) -> str:
        try:
            self.check(value)
        except ValueError as error:
            raise PostProcessingError(str(error)) from None
        return str(value)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.str_schema()


if TYPE_CHECKING:
    Count: TypeAlias = int
    Seed: TypeAlias = int
    Workers: TypeAlias = int
    Rounds: TypeAlias = int
    WarmUps: TypeAlias = int
    Concurrency: TypeAlias = int
    Chunks: TypeAlias = int
    Items: TypeAlias = int
    PerDecade: TypeAlias = int
    Repeats: TypeAlias = int
    Seconds: TypeAlias = int
    Retries: TypeAlias = int
    Megabytes: TypeAlias = int
    Backoff: TypeAlias = float
    Limit: TypeAlias = float
    Share: TypeAlias = float
    ErrorName: TypeAlias = str
else:
    Count = _BoundedInt(0, 1_000_000_000)
    Seed = _BoundedInt(0, 2**32 - 1)
    Workers = _BoundedInt(1, 512)
    Concurrency = _BoundedInt(1, 100_000)
    Chunks = _BoundedInt(1, 99_999)
    Rounds = _BoundedInt(1, 10_000)
    WarmUps = _BoundedInt(0, 100)
    Items = _BoundedInt(1, 1_000_000_000)
    PerDecade = _BoundedInt(1, 10)
    Repeats = _BoundedInt(1, 1000)
    Seconds = _BoundedInt(1, 7 * 86_400)
    Retries = _BoundedInt(0, 100)
    Megabytes = _BoundedInt(64, 16 * 2**20)
    Backoff = _BoundedFloat(0.0, 60.0)
    Limit = _BoundedFloat(0.001, 7 * 86_400.0)
    Share = _BoundedFloat(0.0, 1.0)
    ErrorName = CheckedText(
        "ErrorName", "The name of an exception class, with or without its module.", _class_name
    )
