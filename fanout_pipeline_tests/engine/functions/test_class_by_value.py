"""Classes of a script are in a worker process what they are in the script."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fanout_pipeline import TextLines, read_results
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.workers.pool import worker_processes
from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline.results.store.manifest import Manifest
from fanout_pipeline_tests.chance import examples

pytestmark = pytest.mark.slow
HEAD = """
import abc, collections, dataclasses, datetime, enum, fractions, functools, typing

T = typing.TypeVar("T")
MADE = []

class Meta(type):
    def __new__(mcls, name, bases, namespace, *, note="none"):
        assert "x" in namespace or bases, "a class that is made again has no x"
        MADE.append(name)
        return super().__new__(mcls, name, bases, namespace)
    def __init__(cls, name, bases, namespace, *, note="none"):
        super().__init__(name, bases, namespace)
        cls.note = note
    def __setattr__(cls, name, value):
        assert name != "x"
        super().__setattr__(name, value)
    def __len__(cls):
        return 7

class Constant:
    def __set_name__(self, owner, name):
        MADE.append(name)
    def __get__(self, instance, owner=None):
        return 5

class Plain:
    x = 1

class Mixin:
    __slots__ = ()
    def mixed(self):
        return "mixed " + type(self).__qualname__

class Registering:
    x = 1
    known = []
    def __init_subclass__(cls, *, key, **more):
        super().__init_subclass__(**more)
        cls.key = key
        Registering.known.append(key)

class Shape(abc.ABC):
    x = 1
    @abc.abstractmethod
    def area(self): ...
"""

BODY = """
def seen(look):
    try:
        return repr(look())
    except Exception as error:
        return f"{type(error).__name__}: {error}"

def of_class(cls):
    yield lambda: (cls.__qualname__, cls.__doc__, cls.__module__)
    yield lambda: [(base.__name__, sorted(set(vars(base)) - {"__slotnames__"})) for base in cls.__mro__ if base.__module__ == "__main__"]
    yield lambda: (type(cls).__name__, getattr(cls, "note", None), getattr(cls, "key", None), getattr(cls, "__parameters__", None))
    yield lambda: sorted(getattr(cls, "__abstractmethods__", ()))
    yield lambda: type("Further", (cls,), {"x": 2}, **({"key": "further"} if issubclass(cls, Registering) else {})).__mro__[1].__name__
    yield lambda: [isinstance(1, cls), issubclass(int, cls)]
    yield lambda: getattr(cls, "constant", None)
    yield lambda: cls[int] is not None

def of_instance(cls, *arguments, **named):
    try:
        one = cls(*arguments, **named)
    except Exception as error:
        refusal = f"{type(error).__name__}: {error}"
        yield lambda: refusal
        return
    names = ("x", "y", "size", "more", "slow", "inner")
    yield lambda: [seen(functools.partial(getattr, one, name)) for name in names]
    yield lambda: one == cls(*arguments, **named)
    yield lambda: hash(one) == hash(cls(*arguments, **named)) if cls.__hash__ is not object.__hash__ else None
    yield lambda: setattr(one, "undeclared", 1)
    yield lambda: setattr(one, "x", 9) or one.x
    yield lambda: one < one
    yield lambda: one.mixed()
    yield lambda: one.area()
    yield lambda: one.method()
    yield lambda: one.upper()
    yield lambda: str(one) if type(one).__str__ is not object.__str__ else dataclasses.is_dataclass(one) and repr(one)
    yield lambda: dataclasses.astuple(one)
    yield lambda: one._asdict()

def of_enum(cls):
    yield lambda: (list(cls), list(cls.__members__.items()), len(cls))
    yield lambda: [(m.name, m.value, str(m), f"{m}", hash(m) == hash(m), cls(m.value) is m, cls[m.name] is m) for m in cls]
    yield lambda: [(m.double, m.method(), m.where) for m in cls]
    yield lambda: cls("nothing of it")
    yield lambda: list(cls)[0] | list(cls)[-1]
    yield lambda: ~list(cls)[0]
    yield lambda: setattr(cls, list(cls)[0].name, 1)
    yield lambda: list(cls)[0] + list(cls)[0]
    yield lambda: sorted(cls)
    yield lambda: cls.Inner.__qualname__
    yield lambda: type("Sub", (cls,), {})

def looked(line):
    return [seen(look) for look in looks()] + [repr(MADE), repr(Registering.known)]
"""

METHODS = """    def method(self):
        return __class__.__qualname__ + super().__class__.__name__
    @functools.cached_property
    def slow(self):
        return 6
    constant = Constant()
"""


def indented(text):
    return "".join(f"    {line}\n" for line in text.splitlines())


@st.composite
def plain_class(draw, name):
    base = draw(
        st.sampled_from(
            ["", "Plain", "Mixin", "Registering", "Shape", "typing.Generic[T]", "int", "str", "dict",
             "ValueError", "typing.Protocol", "typing.Protocol[T]", "Plain, Mixin", "tuple",
             "typing.Generic[T], Mixin", "Plain, metaclass=Meta", "Mixin, Registering"]
        )
    )  # fmt: skip
    if "Registering" in base:
        base += f", key={draw(st.sampled_from('abc'))!r}"
    if "metaclass" in base and draw(st.booleans()):
        base += ", note='noted'"
    slots = draw(st.sampled_from(["", "()", "'size'", "('size', '__private')", "['size', '__weakref__']", "{'size': 'how large'}"]))  # fmt: skip
    if base.startswith(("int", "tuple", "str")):
        slots = draw(st.sampled_from(["", "()"]))
    lines = f"class {name}({base}):\n    x = 3\n"
    if slots:
        lines += f"    __slots__ = {slots}\n"
    if draw(st.booleans()):
        lines += METHODS
    if draw(st.booleans()):
        lines += "    def area(self):\n        return 4\n"
    if draw(st.booleans()):
        lines += "    class Inner:\n        inner = 1\n    inner = Inner.inner\n"
    return lines, [f"of_class({name})", f"of_instance({name})"]


@st.composite
def data_class(draw, name):
    flags = ["frozen", "slots", "order", "kw_only", "unsafe_hash", "weakref_slot"]
    chosen = draw(st.sets(st.sampled_from(flags)))
    if "weakref_slot" in chosen:
        chosen.add("slots")
    bases = ["", "Mixin", "typing.Generic[T]"] + ([] if "slots" in chosen else ["Plain"])
    options = ", ".join(f"{flag}=True" for flag in sorted(chosen))
    lines = f"@dataclasses.dataclass({options})\nclass {name}({draw(st.sampled_from(bases))}):\n"
    lines += "    x: int\n    y: 'str | None' = None\n"
    lines += "    more: list = dataclasses.field(default_factory=list, repr=False)\n"
    lines += "    size: typing.ClassVar[int] = 3\n"
    if draw(st.booleans()):
        lines += "    def method(self):\n        return dataclasses.replace(self, x=5).x\n"
    return lines, [f"of_class({name})", f"of_instance({name}, x=1)"]


@st.composite
def record_class(draw, name):
    kind = draw(st.sampled_from(["tuple", "generic", "collections", "dict", "partial", "child"]))
    if kind == "collections":
        return (
            f"{name} = collections.namedtuple('{name}', 'x y', defaults=[2])\n",
            [f"of_class({name})", f"of_instance({name}, 1)"],
        )
    if kind in {"tuple", "generic"}:
        base = "typing.NamedTuple" + (", typing.Generic[T]" if kind == "generic" else "")
        lines = f"class {name}({base}):\n    x: int\n    y: str = 'a'\n"
        lines += "    def method(self):\n        return self.x + len(self.y)\n"
        return lines, [f"of_class({name})", f"of_instance({name}, x=1)"]
    total = kind != "partial"
    lines = f"class {name}(typing.TypedDict, total={total}):\n    x: int\n"
    used = name
    if kind == "child":
        lines += f"class {name}Child({name}):\n    y: typing.NotRequired[str]\n"
        used = f"{name}Child"
    return lines, [f"of_class({used})", f"of_instance({used}, x=1)"]


STYLES = {
    "plain": "",
    "init": """    def __init__(self, *given):
        self.double = given * 2
""",
    "new": """    def __new__(cls, value):
        made = int.__new__(cls, value)
        made._value_, made.double = value, 2
        return made
""",
    "missing": """    @classmethod
    def _missing_(cls, value):
        return list(cls)[0]
""",
    "next": """    @staticmethod
    def _generate_next_value_(name, start, count, last):
        return AFTER
""",
    "nested": """    @enum.nonmember
    class Inner:
        pass
""",
    "ignored": """    _ignore_ = ['left_out']
    left_out = 3
""",
}


@st.composite
def enum_class(draw, name):
    values = {
        "": ["1", "'a'", "(1, 2)", "[]", "None"],
        "str": ["'a'", "'b'", "''"],
        "int": ["1", "2", "10**20"],
        "float": ["1.5", "2.0"],
        "bytes": ["b'a'"],
        "tuple": ["((1, 2),)", "((),)"],
        "datetime.date": ["(2024, 2, 29)", "(2025, 1, 1)"],
        "fractions.Fraction": ["(1, 2)", "(3, 4)"],
        "Mixin, str": ["'a'", "'c'"],
    }
    kinds = ["enum.Enum", "enum.IntEnum", "enum.StrEnum", "enum.Flag", "enum.IntFlag"]
    mixin = draw(st.sampled_from(sorted(values)))
    base = draw(st.sampled_from(kinds)) if not mixin else f"{mixin}, enum.Enum"
    chosen = values[mixin]
    if base in {"enum.IntEnum"}:
        chosen = ["1", "2", "enum.auto()"]
    elif base == "enum.StrEnum":
        chosen = ["'a'", "enum.auto()"]
    elif "Flag" in base:
        chosen = ["enum.auto()", "1", "2", "3", "4", "12"]
    members = draw(st.lists(st.sampled_from(chosen), min_size=1, max_size=4))
    lines = f"class {name}({base}):\n"
    style = draw(st.sampled_from(sorted(STYLES)))
    if style not in {"init", "new"} or base == {"init": "enum.Enum", "new": "enum.IntEnum"}[style]:
        lines += STYLES[style].replace("AFTER", "2**count" if "Flag" in base else "name.lower()")
    for number, value in enumerate(members):
        lines += f"    M{number} = {value}\n"
    lines += "    def method(self):\n        return (self.name, __class__.__name__)\n"
    lines += "    @property\n    def where(self):\n        return list(type(self)).index(self)\n"
    return lines, [f"of_class({name})", f"of_enum({name})"]


@st.composite
def classes(draw):
    """A module of some classes, and what to look at."""
    text, looks = "", []
    namespace = {"__name__": "__main__"}
    exec(HEAD, namespace)
    for number in range(draw(st.integers(1, 8))):
        one = st.one_of(*(kind(f"C{number}") for kind in KINDS))
        lines, to_look_at = draw(one)
        try:
            exec(lines, namespace)
        except (TypeError, ValueError, AttributeError):
            continue  # Python allows no such class
        text += lines
        looks += to_look_at
    body = "".join(f"    yield from {look}\n" for look in looks)
    return HEAD + text + BODY + f"\ndef looks():\n    yield lambda: 0\n{body}"


KINDS = [plain_class, data_class, record_class, enum_class]


@pytest.fixture(scope="module")
def looked_there(tmp_path_factory):
    """What a function gives in a worker process: always the same one."""
    file = tmp_path_factory.mktemp("classes") / "lines.txt"
    file.write_text("one\n")
    source = TextLines(str(file))
    with worker_processes(1) as crew:

        def looked(function):
            folder = tmp_path_factory.mktemp("looked")
            work = Work(
                source, function, None, source.chunks(1), LocalGeneration(folder), fixed=True
            )
            parts = crew.run(work, Progress("multiprocess", str)).parts
            Manifest("multiprocess", tuple(parts)).save(LocalGeneration(folder))
            return read_results(folder)["result"].tolist()[0]

        yield looked


@settings(max_examples=examples(40), deadline=None, suppress_health_check=list(HealthCheck))
@given(classes())
def test_what_is_made_of_classes_there_behaves_as_here(looked_there, text):
    """Whatever is looked at, of any kind of class, is the same on both sides."""
    namespace = {"__name__": "__main__"}
    exec(text, namespace)
    # There first: to look makes subclasses, which some of the classes remember.
    there = looked_there(namespace["looked"])
    here = namespace["looked"]("one")
    differ = [pair for pair in zip(here, there, strict=True) if pair[0] != pair[1]]
    assert not differ, text.removeprefix(HEAD).partition(BODY)[0]
