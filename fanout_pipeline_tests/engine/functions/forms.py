"""The ordinary forms that a function of a line takes: FORMS, by their names.

Tests put this text into modules of all kinds: beside definitions, into definitions, into `__main__`.
"""

import abc
import asyncio
import collections
import contextlib
import contextvars
import dataclasses
import decimal
import enum
import functools
import json
import logging
import operator
import random
import re
import string
import threading
import typing
import weakref
from datetime import date

LOCK = threading.Lock()
REENTRANT = threading.RLock()
CONDITION = threading.Condition()
LOCAL = threading.local()
SETTING = contextvars.ContextVar("SETTING", default=3)
CHOSEN = contextvars.ContextVar("CHOSEN")
CHOSEN.set(4)
LOGGER = logging.getLogger(__name__)
RANDOM = random.Random(1)
WORD = re.compile(r"\w+")
TABLE = str.maketrans("abc", "xyz")
SEEN = weakref.WeakValueDictionary()
Line = typing.NewType("Line", str)
T = typing.TypeVar("T")
Pair = collections.namedtuple("Pair", "first second")


def plain(line):
    return len(line.split())


def own_helper(line):
    return plain(line) + 1


@functools.cache
def cached(line):
    return line.upper()


@functools.lru_cache(maxsize=2, typed=True)
def remembered(line):
    return cached(line).lower()


@functools.cache
def fibonacci(number):
    return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)


def cached_helper(line):
    return cached(line) + remembered(line)


def recursive_and_cached(line):
    return fibonacci(len(line))


def guarded(line):
    with LOCK, REENTRANT, CONDITION:
        return len(line)


def thread_local(line):
    LOCAL.count = getattr(LOCAL, "count", 0) + 1
    return LOCAL.count > 0


def context_variable(line):
    return SETTING.get() + CHOSEN.get(4) + len(line)


@functools.singledispatch
def shown(value):
    return f"? {value}"


@shown.register
def _(value: str):
    return f"text {value}"


@shown.register(list)
@shown.register(tuple)
def _(value):
    return f"{len(value)} words"


def dispatching(line):
    return shown(line) + shown(line.split()) + shown(1)


class Kind(str, enum.Enum):  # noqa: UP042
    SHORT = "short"
    LONG = "long"

    @classmethod
    def of(cls, line):
        return cls.LONG if len(line) > 8 else cls.SHORT


class Flags(enum.IntFlag):
    WORDS = enum.auto()
    DIGITS = enum.auto()


def enum_with_mixin(line):
    return f"{Kind.of(line).value} {Kind('long').name} {isinstance(Kind.LONG, str)}"


def flags(line):
    return int(Flags.WORDS | (Flags.DIGITS if "1" in line else Flags(0)))


class Only:
    def __reduce__(self):
        return "MISSING"


MISSING = Only()


def the_only_one(line, default=MISSING):
    return default is MISSING and isinstance(default, Only)


class Parser:
    prefix = "parsed "

    def __init__(self, cut=2):
        self.cut = cut
        self.lock = threading.Lock()

    def __call__(self, line):
        return line[: self.cut]

    def method(self, line):
        with self.lock:
            return self.prefix + line

    @classmethod
    def of_class(cls, line):
        return cls.prefix + line

    @staticmethod
    def static(line):
        return line[::-1]

    @functools.cached_property
    def slow(self):
        return self.cut * 10

    @property
    def quick(self):
        return self.cut

    @functools.singledispatchmethod
    def kind(self, value):
        return "thing"

    @kind.register
    def _(self, value: str):
        return "text"

    @functools.lru_cache  # noqa: B019
    def cached_method(self, line):
        return line * self.cut


class Better(Parser):
    def method(self, line):
        return "better " + super().method(line)


PARSER = Parser()


def uses_properties(line):
    parser = Better(3)
    return [str(parser.slow), str(parser.quick), parser.method(line), parser.kind(line)]


def cached_method(line):
    return PARSER.cached_method(line)


def import_inside(line):
    import helper_of_forms  # beside this module

    return helper_of_forms.helped(line)


def standard_import_inside(line):
    from textwrap import shorten

    return shorten(line, 10)


def traced(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        inner.calls += 1
        return function(*args, **kwargs)

    inner.calls = 0
    return inner


class Retried:
    def __init__(self, function):
        functools.update_wrapper(self, function)
        self.function = function

    def __call__(self, line):
        return self.function(line)


@traced
def decorated(line):
    return len(line)


@Retried
def decorated_by_a_class(line):
    return len(line)


@contextlib.contextmanager
def opened(line):
    yield line + "!"


def context_manager(line):
    with opened(line) as it:
        return it


def numbers(line):
    for character in line:
        yield ord(character)


def generator(line):
    return sum(numbers(line))


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Point:
    x: int
    y: int = 2

    def moved(self, by):
        return dataclasses.replace(self, x=self.x + by)


@dataclasses.dataclass
class Holder(typing.Generic[T]):
    held: T
    more: list[int] = dataclasses.field(default_factory=list)


class Named(typing.NamedTuple):
    name: str
    size: int = 0


class Typed(typing.TypedDict, total=False):
    name: str


@typing.runtime_checkable
class Sized(typing.Protocol):
    def __len__(self) -> int: ...


class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...

    @abc.abstractmethod
    def name(self): ...


class Square(Shape):
    def __init__(self, side):
        self.side = side

    def area(self):
        return self.side**2

    def name(self):
        return "square"


class BadLine(ValueError):
    def __init__(self, line, place):
        super().__init__(line, place)
        self.place = place


def dataclass(line):
    return str(Point(len(line)).moved(1)) + repr(Holder[int](1, [2]))


def named_tuples(line):
    return str(Named(line)) + str(Pair(1, 2)) + str(Typed(name=line))


def abstract(line):
    return str(Square(len(line)).area()) + str(isinstance(line, Sized))


def own_error(line):
    try:
        raise BadLine(line, 3)
    except BadLine as error:
        return error.place


async def asynchronous(line):
    await asyncio.sleep(0)
    return len(line)


def loop_inside(line):
    return asyncio.run(asynchronous(line))


def closure_over(more):
    def inner(line):
        return line + more

    return inner


@functools.cache
def make(more):
    @functools.cache
    def inner(line):
        return line + more + cached(line)

    return inner


def weakly(line):
    square = SEEN.setdefault(line, Square(len(line)))
    return square.side


def third_party(line):
    import numpy

    return float(numpy.sqrt(len(line)))


def compiled(line):
    return WORD.findall(line)


def chance(line):
    return RANDOM.__class__(line).randint(1, 1000)


def logs(line):
    LOGGER.debug("%s", line)
    return len(line)


def typed(line: Line, day: date = date(2024, 2, 29), *, ready: bool = True) -> "str | None":
    return f"{line.translate(TABLE)} {day} {ready}"


def exact(line):
    with decimal.localcontext(prec=5):
        return str(decimal.Decimal(len(line)) / 7)


FORMS = {
    function.__name__: function
    for function in (
        plain, own_helper, cached, remembered, cached_helper, recursive_and_cached, guarded,
        thread_local, context_variable, shown, dispatching, enum_with_mixin, flags, the_only_one, uses_properties,
        cached_method, import_inside, standard_import_inside, decorated, decorated_by_a_class,
        context_manager, generator, dataclass, named_tuples, abstract, own_error, asynchronous,
        loop_inside, weakly, third_party, compiled, chance, logs, typed, exact,
    )
} | {
    "lambda": lambda line: len(line) + len(cached(line)),
    "closure": closure_over("?"),
    "cached closure": make("!"),
    "partial": functools.partial(typed, ready=False),
    "callable instance": Parser(1),
    "bound method": PARSER.method,
    "method of a subclass": Better().method,
    "class method": Parser.of_class,
    "inherited class method": Better.of_class,
    "static method": Parser.static,
    "unbound method": str.upper,
    "method of a text": "-".join,
    "method of a pattern": WORD.findall,
    "built in": len,
    "a type": str,
    "operator": operator.itemgetter(0),
    "composed": functools.partial(functools.reduce, lambda text, one: one + text),
    "dispatcher's method": PARSER.kind,
    "library's method": json.JSONEncoder().encode,
    "library's function": string.capwords,
}  # fmt: skip


def loads_dagster(line):
    import sys

    return "dagster" in sys.modules
