"""Bounded numbers and checked texts: config types whose values Dagster refuses before it creates a run.

Pydantic's bounds (`ge`, `le`) are only applied when an op or a resource is built, which is in the run.
These types are part of the config schema, so the launchpad and the command line reject the value:
docs/decisions/config-bounds.md. Dagster has no public config type with a check of its own, hence the
private imports. Add a field's bounds at the end of this module; no other module checks run config.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from dagster._config import ConfigScalar, ConfigScalarKind
from dagster._config.errors import PostProcessingError
from dagster._config.source import StringSourceType
from pydantic_core import core_schema


class BoundedNumber(ConfigScalar):
    """A whole number, if `low` is one, or a float from `low` to `high`.

    It is a config type for Dagster and, as an annotation, a schema for pydantic. So are those below.
    """

    def __init__(self, low: float, high: float):
        self.low, self.high = low, high
        self.whole = isinstance(low, int)
        name = f"{low}_to_{high}" if self.whole else f"{low:g}_to_{high:g}"
        name = ("Int_" if self.whole else "Float_") + name.translate(str.maketrans(".-+", "___"))
        self.allowed = f"{'a whole number ' if self.whole else ''}from {low:,} to {high:,}"
        super().__init__(
            key=name,
            given_name=name,
            scalar_kind=ConfigScalarKind.INT if self.whole else ConfigScalarKind.FLOAT,
            description=f"Must be {self.allowed}.",
        )

    def post_process(self, value: Any) -> float:
        if not self.low <= value <= self.high:  # true of NaN, too
            raise PostProcessingError(f"must be {self.allowed}, not {value:,}")
        return int(value) if self.whole else float(value)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        if self.whole:
            return core_schema.int_schema(ge=int(self.low), le=int(self.high))
        return core_schema.float_schema(ge=self.low, le=self.high)


class CheckedText(ConfigScalar):
    """A text for which `check` raises no ValueError; the error's message says what is allowed."""

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


class ResolvedText(StringSourceType):
    """A text, or `{env: NAME}` for the value of an environment variable, in place of which `resolve` puts another.

    `resolve` raises ValueError for what is refused. What a variable holds may be secret: for these the
    message is `refusal`, preceded by the variable's name.
    """

    def __init__(self, key: str, resolve: Callable[[str], str], refusal: str):
        super().__init__()  # type: ignore[no-untyped-call]
        self.key = key
        self.resolve = resolve
        self.refusal = refusal

    def post_process(self, value: Any) -> str:
        text = str(super().post_process(value))  # type: ignore[no-untyped-call]
        try:
            return self.resolve(text)
        except ValueError as error:
            if isinstance(value, Mapping):
                message = f"The environment variable {value['env']!a} {self.refusal}."
                raise PostProcessingError(message) from None
            raise PostProcessingError(str(error)) from None

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.str_schema(min_length=1)


def _check_class_name(name: str) -> None:
    if not all(part.isidentifier() for part in name.split(".")):
        raise ValueError(
            f"must be the name of an exception class, like TimeoutError or "
            f"requests.exceptions.ConnectionError, not {name!r}"
        )


if TYPE_CHECKING:
    Count: TypeAlias = int
    Seed: TypeAlias = int
    Workers: TypeAlias = int
    Rounds: TypeAlias = int
    WarmUps: TypeAlias = int
    Sessions: TypeAlias = int
    Concurrency: TypeAlias = int
    Chunks: TypeAlias = int
    ItemCount: TypeAlias = int
    PerDecade: TypeAlias = int
    Repeats: TypeAlias = int
    Seconds: TypeAlias = int
    Retries: TypeAlias = int
    Mebibytes: TypeAlias = int
    Backoff: TypeAlias = float
    Limit: TypeAlias = float
    Share: TypeAlias = float
    Rate: TypeAlias = float
    Wait: TypeAlias = float
    ErrorName: TypeAlias = str
else:
    Count = BoundedNumber(0, 1_000_000_000)
    Seed = BoundedNumber(0, 2**32 - 1)
    Workers = BoundedNumber(1, 512)
    Concurrency = BoundedNumber(1, 100_000)
    Chunks = BoundedNumber(1, 99_999)
    Rounds = BoundedNumber(1, 10_000)
    WarmUps = BoundedNumber(0, 100)
    Sessions = BoundedNumber(1, 20)
    ItemCount = BoundedNumber(1, 1_000_000_000)
    PerDecade = BoundedNumber(1, 10)
    Repeats = BoundedNumber(1, 1000)
    Seconds = BoundedNumber(1, 7 * 86_400)
    Retries = BoundedNumber(0, 100)
    Mebibytes = BoundedNumber(64, 16 * 2**20)
    Backoff = BoundedNumber(0.0, 60.0)
    Limit = BoundedNumber(0.001, 7 * 86_400.0)
    Share = BoundedNumber(0.0, 1.0)
    Wait = BoundedNumber(0.0, 7 * 86_400.0)
    Rate = BoundedNumber(0.0001, 1_000_000.0)
    ErrorName = CheckedText(
        "ErrorName",
        "The name of an exception class, with or without its module.",
        _check_class_name,
    )
