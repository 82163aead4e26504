"""A function's fingerprint changes with the function, and with nothing else."""

import dataclasses
import functools
import importlib.util
import os
import re
import subprocess
import sys
import tracemalloc

import numpy
import pytest

from fanout_pipeline.engine.functions.fingerprint import function_fingerprint, function_name
from fanout_pipeline.squares import square


def from_file(path, source):
    """The function `f` of a module file with this source."""
    path.write_text(source)
    spec = importlib.util.spec_from_file_location("user_module", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.f


def without_source(source):
    """The function `f` of code that exists in memory only."""
    names = {"__name__": "user_module"}
    exec(source, names)
    return names["f"]


def test_a_name_is_where_a_person_finds_the_function():
    """A function is named by its module and its name, anything else by its type."""
    assert function_name(square) == "fanout_pipeline.squares:square"
    assert function_name(functools.partial(square)) == "partial of fanout_pipeline.squares:square"


def test_a_partial_is_its_function_with_its_arguments():
    """Partials of one function with other arguments are other functions."""
    given = [
        functools.partial(pow, 2),
        functools.partial(pow, 3),
        functools.partial(pow, exp=2),
        functools.partial(pow, exp=3),
        functools.partial(abs, 2),
    ]
    assert len(set(map(function_fingerprint, given))) == len(given)
    assert function_fingerprint(functools.partial(pow, 2)) == function_fingerprint(given[0])


def test_a_fingerprint_is_short_text():
    """A fingerprint is 16 hexadecimal digits, for anything that can be called."""

    class Callable:
        def __call__(self, item):
            return item

    for function in (square, abs, functools.partial(square), Callable(), Callable, lambda x: x):
        assert re.fullmatch("[0-9a-f]{16}", function_fingerprint(function))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(x): return x * x", "def f(x): return x + x"),
        ("def f(x): return x * 2", "def f(x): return x * 3"),
        ("def f(x): return abs(x)", "def f(x): return hex(x)"),
        ("def f(x): return x.real", "def f(x): return x.imag"),
        ("def f(x): return [y + 1 for y in [x]]", "def f(x): return [y + 2 for y in [x]]"),
        ("def f(x, y=1): return x + y", "def f(x, y=2): return x + y"),
    ],
)
@pytest.mark.parametrize("stored", [True, False], ids=["file", "memory"])
def test_another_function_has_another_fingerprint(tmp_path, before, after, stored):
    """A change to what the function does changes the fingerprint."""
    if stored:
        one = from_file(tmp_path / "one.py", before + "\n")
        other = from_file(tmp_path / "other.py", after + "\n")
    else:
        one, other = without_source(before), without_source(after)
    assert function_fingerprint(one) != function_fingerprint(other)


def test_a_change_elsewhere_in_the_file_does_not_matter(tmp_path):
    """The fingerprint is the function's: another place in another file with other neighbours keeps it."""
    one = from_file(tmp_path / "one.py", "def f(x):\n    return x\n")
    other = from_file(tmp_path / "other.py", "import os\n\n\ndef f(x):\n    return x\n\n\nY = 1\n")
    assert function_fingerprint(one) == function_fingerprint(other)


def test_the_same_code_under_another_name_is_another_function(tmp_path):
    """Two functions of the same code and of different names have different fingerprints."""
    one = from_file(tmp_path / "one.py", "def f(x):\n    return x\n")
    other = from_file(tmp_path / "other.py", "def f(x):\n    return x\n")
    other.__qualname__ = "g"
    assert function_fingerprint(one) != function_fingerprint(other)


@dataclasses.dataclass(frozen=True)
class Applied:
    """A function with a setting, as a dataclass that can be called."""

    function: object
    times: int

    def __call__(self, item):
        return [self.function(item) for _ in range(self.times)]


def test_what_a_callable_dataclass_holds_counts():
    """The same class with another function or another setting is another function."""
    one = function_fingerprint(Applied(square, 2))
    assert re.fullmatch("[0-9a-f]{16}", one)
    assert function_fingerprint(Applied(square, 2)) == one
    assert function_fingerprint(Applied(square, 3)) != one
    assert function_fingerprint(Applied(abs, 2)) != one


BASE = """
import functools, math, re
from enum import Enum

RATE = 2
TABLE = {"EUR": [1, 2], "names": {"a", "b"}}
PATTERN = re.compile("a+")

class Kind(Enum):
    ONE = 1

class Base:
    FACTOR = 1
    def times(self, x):
        return x * self.FACTOR

class Derived(Base):
    _OFFSET = 0
    def shifted(self, x):
        return self.times(x) + self._OFFSET

MODEL = Derived()

@functools.cache
def cached(x):
    return x + 1

def even(x):
    return x == 0 or odd(x - 1)

def odd(x):
    return x != 0 and even(x - 1)

def helper(x, more=3):
    return x + more + RATE

def closing(extra):
    def inner(x):
        return x + extra
    return inner

class Called:
    def __init__(self, size):
        self.size = size
    def __call__(self, x):
        return x * self.size

add = closing(5)
called = Called(1)

def f(x):
    def nested():
        return helper(x) + TABLE["EUR"][0]
    return nested() + cached(x) + add(x) + MODEL.shifted(x) + even(x) + math.floor(x) + Kind.ONE.value + called(x), PATTERN
"""
CHANGES = {
    "a constant": ("RATE = 2", "RATE = 3"),
    "a value in a table": ('"EUR": [1, 2]', '"EUR": [1, 3]'),
    "a member of a set": ('{"a", "b"}', '{"a", "c"}'),
    "a pattern": ('"a+"', '"b+"'),
    "an enumeration": ("ONE = 1", "ONE = 2"),
    "a class attribute of a base": ("FACTOR = 1", "FACTOR = 2"),
    "a method": ("+ self._OFFSET", "- self._OFFSET"),
    "a private class attribute": ("_OFFSET = 0", "_OFFSET = 1"),
    "a cached function": ("return x + 1", "return x + 2"),
    "one of two that call each other": ("return x != 0 and", "return x == 1 and"),
    "a default": ("more=3", "more=4"),
    "what is closed over": ("closing(5)", "closing(6)"),
    "an attribute of an object": ("Called(1)", "Called(2)"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("stored", [True, False], ids=["file", "memory"])
def test_what_a_function_refers_to_counts(tmp_path, change, stored):
    """A change of anything that the function's code names, at whatever remove, is seen."""
    before, after = CHANGES[change]
    assert BASE.count(before) == 1
    sources = [BASE, BASE.replace(before, after), BASE]
    if stored:
        made = [from_file(tmp_path / f"{n}.py", source) for n, source in enumerate(sources)]
    else:
        made = list(map(without_source, sources))
    one, other, again = map(function_fingerprint, made)
    assert one != other
    assert one == again


SAME_EVERYWHERE = """
import threading

LOCK = threading.Lock()

def refers(x): return f(x), LOCK, object
def has_a_lambda(x): return (lambda y: y + 1)(x)
def has_a_set(x): return x in {'a', 'b', 'c', 'd', 'e', 'f'}
def one(x): return HANDLERS and other(x)
def other(x): return x and one(x + 1)
HANDLERS = {one, other}
"""


def test_the_fingerprint_is_the_same_in_every_process(tmp_path):
    """Neither the order of sets nor an address gets into a fingerprint, nor whether the source can be read."""
    source = BASE + SAME_EVERYWHERE
    (tmp_path / "user_module.py").write_text(source)
    code = (
        "import sys\n"
        "from fanout_pipeline.engine.functions.fingerprint import function_fingerprint\n"
        "namespace = {'__name__': 'user_module'}\n"
        "exec(sys.argv[1], namespace)\n"
        "import user_module\n"
        "for name in ('refers', 'has_a_lambda', 'has_a_set', 'one'):\n"
        "    print(function_fingerprint(getattr(user_module, name)))\n"
        "    assert function_fingerprint(namespace[name]) == function_fingerprint(getattr(user_module, name))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code, source],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1


def test_calling_a_function_does_not_change_it():
    """The interpreter adapts code that runs often, and caches fill: neither is a change."""
    function = without_source(BASE)
    before = function_fingerprint(function)
    for _ in range(3000):
        function(4)
    assert function_fingerprint(function) == before


def test_installed_packages_are_not_looked_through():
    """NumPy's own code does not count, but the values of an array do."""
    arrays = [
        f"import numpy\nA = numpy.array([1, {n}])\ndef f(x):\n    return A" for n in (2, 3, 2)
    ]
    one, other, again = (function_fingerprint(without_source(source)) for source in arrays)
    assert one == again != other
    one, other = (without_source(f"import math\ndef f(x):\n    return math.{n}(x)") for n in ("sin", "cos"))  # fmt: skip
    assert function_fingerprint(one) != function_fingerprint(other)


ELSEWHERE = {
    "a function of a module beside it": (
        "import beside\ndef f(x): return beside.g(x)\n",
        "def g(x): return x * {}\n",
    ),
    "a constant of a module beside it": (
        "import beside\ndef f(x): return x * beside.RATE\n",
        "RATE = {}\n",
    ),
    "a module that is imported when it is called": (
        "def f(x):\n    from beside import g\n    return g(x)\n",
        "def g(x): return x * {}\n",
    ),
    "a cached property": (
        "import beside\ndef f(x): return x * beside.c.rate\n",
        "from functools import cached_property\nclass C:\n    @cached_property\n"
        "    def rate(self): return {}\nc = C()\n",
    ),
    "a function inside an object of a package": (
        "import beside\ndef f(x): return int(beside.v(x))\n",
        "import numpy\ndef g(x): return x * {}\nv = numpy.vectorize(g)\n",
    ),
}


@pytest.mark.parametrize("what", ELSEWHERE)
def test_a_change_in_a_module_beside_it_counts(tmp_path, what, monkeypatch):
    """A function is another when what it uses of the user's other modules is, installed or not."""
    monkeypatch.syspath_prepend(tmp_path)
    # Byte-code of a module that is rewritten within a second, with as many bytes, passes for current.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    function, other = ELSEWHERE[what]
    found = []
    for value in (2, 2, 3):
        (tmp_path / "beside.py").write_text(other.format(value))
        monkeypatch.delitem(sys.modules, "beside", raising=False)
        importlib.invalidate_caches()
        found.append(function_fingerprint(from_file(tmp_path / "user_module.py", function)))
    assert found[0] == found[1] != found[2]


CHAINS = {
    "objects": (
        "class Node:\n    def __init__(self, value, next):\n        self.value, self.next = value, next\n"
        "first = None\nfor n in range({count}):\n    first = Node({last} if n == 0 else n, first)\n"
    ),
    "lists": "first = [{last}]\nfor _ in range({count}):\n    first = [first]\n",
    "dicts": "first = {{1: {last}}}\nfor _ in range({count}):\n    first = {{1: first}}\n",
    "functions": (
        "def f0(x): return {last}\n"
        "for n in range(1, {count}):\n    exec(f'def f{{n}}(x): return f{{n - 1}}(x)')\n"
        "exec('def first(x): return f{{}}(x)'.format({count} - 1))\n"
    ),
    "closures": (
        "def after(next):\n    return lambda x: next\n"
        "first = {last}\nfor _ in range({count}):\n    first = after(first)\n"
    ),
}


@pytest.mark.parametrize("chain", CHAINS)
def test_the_end_of_a_long_chain_counts(chain):
    """What a function refers to may have any number of links, more than calls may be nested, too."""
    links = sys.getrecursionlimit() + 100

    def made(last):
        source = CHAINS[chain].format(count=links, last=last)
        return without_source(source + "def f(x):\n    return first\n")

    one, other, again = (function_fingerprint(made(last)) for last in ("'a'", "'b'", "'a'"))
    assert one == again != other


def test_how_a_function_takes_its_argument_counts():
    """`f(x)` and `f(*x)` compile to the same instructions, and give other results."""
    one, other = map(without_source, ("def f(x): return x\n", "def f(*x): return x\n"))
    assert function_fingerprint(one) != function_fingerprint(other)


def test_a_large_array_is_looked_at_where_it_is():
    """What a function refers to is not copied, however large, and counts up to 64 MB."""
    table = numpy.zeros(2_000_000)
    names = {"table": table, "__name__": "user_module"}
    exec("def f(x): return table[x]", names)
    before = function_fingerprint(names["f"])
    tracemalloc.start()
    assert function_fingerprint(names["f"]) == before
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < table.nbytes / 4
    table[3] = 1
    assert function_fingerprint(names["f"]) != before
