"""A function reaches worker processes by its name or with its code, or an error says why not."""

import functools
import importlib.util
import math
import os.path
import pickle
import pickletools
import socket
import sqlite3
import sys
import types
from dataclasses import dataclass
from pathlib import Path

import pytest

from fanout_pipeline import (
    FanoutSpec,
    IntegerLines,
    Items,
    Options,
    Source,
    Version,
    read_results,
)
from fanout_pipeline.engine.functions.serialize import can_import, pickle_with_function
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline.engine.run import run_strategy
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.workers.pool import worker_processes
from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline.results.store.manifest import Manifest
from fanout_pipeline.squares import square
from fanout_pipeline_tests.contract.functions import adapters

pytestmark = pytest.mark.usefixtures("leaves_nothing")

MODULE = """
import helper_of_lonely

OFFSET = 5

class Adder:
    def __init__(self, more):
        self.more = more
    def __call__(self, number):
        return number + self.more
    def add(self, number):
        return number + self.more

def lonely(number):
    return helped(number) + helper_of_lonely.TEN

def helped(number):
    return number + OFFSET
"""


@pytest.fixture(scope="module")
def crew():
    with worker_processes(1) as crew:
        yield crew


@pytest.fixture
def works(crew, tmp_path):
    """Check that a function gives in a worker process what it gives here."""
    path = tmp_path / "numbers.txt"
    path.write_text("1\n2\n3\n")
    source = IntegerLines(str(path))

    def works(function):
        job = Work(source, function, None, source.chunks(1), LocalGeneration(tmp_path), fixed=True)
        parts = crew.run(job, Progress("multiprocess", print)).parts
        Manifest("multiprocess", tuple(parts)).save(LocalGeneration(tmp_path))
        results = read_results(tmp_path)["result"].tolist()
        assert results == [function(number) for number in (1, 2, 3)]

    return works


@pytest.fixture
def in_main():
    """What a program defines in its `__main__`, which is not pytest's."""
    namespace = {"__name__": "__main__"}
    exec(MODULE.replace("import helper_of_lonely", "").partition("def lonely")[0], namespace)
    exec("def doubled(number): return number * two\ntwo = 2", namespace)
    return types.SimpleNamespace(**namespace)


@pytest.fixture
def by_hand(tmp_path, monkeypatch):
    """A module from a file that is on nobody's path, which uses another such module."""
    helper = types.ModuleType("helper_of_lonely")
    helper.TEN = 10
    monkeypatch.setitem(sys.modules, "helper_of_lonely", helper)
    file = tmp_path / "lonely_module.py"
    file.write_text(MODULE)
    spec = importlib.util.spec_from_file_location("lonely_module", file)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "lonely_module", module)
    spec.loader.exec_module(module)
    return module


def message_of(function):
    work = Work(IntegerLines("numbers.txt"), function, None, (), LocalGeneration(Path("parts")))
    return pickle_with_function(("work", work), function)


def names(message):
    """The texts in a pickle: names of modules and of what is in them."""
    return {arg for _, arg, _ in pickletools.genops(message) if isinstance(arg, str)}


@pytest.mark.parametrize(
    "function",
    [square, adapters.Batch(square), functools.partial(pow, 2), math.sqrt, os.path.basename, str],
)
def test_what_can_be_imported_travels_as_a_name(function):
    """A function of a module is sent as the module's name and its own; its code is imported."""
    message = message_of(function)
    # Not the whole length: Python 3.13 sends the path in it under a longer name than 3.12.
    assert len(message) < len(message_of(abs)) + 150
    assert not any("cloudpickle" in name for name in names(message))


def test_functions_of_main_work(works, in_main):
    """Functions, objects and their methods of a script, a REPL or a notebook travel with their code."""
    works(in_main.doubled)
    works(in_main.Adder(7))
    works(in_main.Adder(7).add)
    works(functools.partial(lambda more, number: number + more, 3))


def test_code_that_travels_keeps_its_place(in_main):
    """Tracebacks of functions that are sent with their code name file and line, as they do here."""
    _, work = pickle.loads(message_of(in_main.doubled))
    here, there = in_main.doubled.__code__, work.function.__code__
    assert there.co_filename == here.co_filename
    assert there.co_firstlineno == here.co_firstlineno


def test_nested_functions_work(works):
    """Lambdas and closures travel with the variables that they refer to."""
    more = [10]

    def plus(number):
        return helped(number) + more[0]

    def helped(number):
        return square(number)

    works(plus)
    works(lambda number: plus(number) * 2)
    works(functools.partial(plus))


def test_functions_of_a_file_loaded_by_hand_work(works, by_hand):
    """Modules that only this process has travel, too, with those that they import."""
    works(by_hand.lonely)
    works(by_hand.Adder(1))
    works(lambda number: by_hand.helped(number) + 1)


def test_a_file_that_hides_another_is_not_mistaken_for_it(works, tmp_path, monkeypatch):
    """A module loaded by hand under the name of one that could be imported is sent as it is."""
    file = tmp_path / "colorsys.py"
    file.write_text("def lonely(number): return -number\n")
    spec = importlib.util.spec_from_file_location("colorsys", file)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "colorsys", module)
    spec.loader.exec_module(module)
    works(module.lonely)


@pytest.mark.parametrize(
    "name", ["math", "builtins", "os", "posixpath", "collections.abc", "importlib", "numpy.random"]
)
def test_modules_of_python_can_be_imported(name):
    """Built-in, frozen and renamed modules are imported, not copied."""
    importlib.import_module(name)
    assert can_import(name)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: sqlite3.connect(":memory:"), "Connection"),
        (socket.socket, "socket"),
        (lambda: (number for number in ()), "generator"),
        (lambda: functools.reduce(lambda inner, _: [inner], range(100_000), 0), "list"),
    ],
)
def test_what_cannot_be_sent_is_named(make, kind):
    """The error names the function, what it refers to that cannot be sent, and what to do."""
    thing = make()

    def guarded(number):
        return thing and number

    class Guarded:
        def __init__(self):
            self.held = thing

        def __call__(self, number):
            return number

    module = {"__name__": "__main__", "shared": thing}
    exec("def function(number): return [shared for _ in (1,)]", module)
    for function, what in [
        (guarded, f"guarded cannot be sent .*: its variable thing, a {kind}, cannot"),
        (module["function"], f"function cannot be sent .*: its variable shared, a {kind}, cannot"),
        (Guarded(), f"Guarded.* cannot be sent .*: its attribute held, a {kind}, cannot"),
        (functools.partial(guarded), "partial.* cannot be sent .*: its function .*guarded, a func"),
        (functools.partial(pow, mod=thing), f"cannot be sent .*: its argument mod, a {kind}"),
    ]:
        with pytest.raises(TypeError, match=what) as caught:
            message_of(function)
        assert "Make it inside the function, or" in str(caught.value)
    if hasattr(thing, "close"):
        thing.close()


@dataclass(frozen=True, slots=True)
class Rows(Source):
    database: sqlite3.Connection

    def version(self):
        return Version("1", 3)

    def read(self, chunk):
        return Items(chunk, range(chunk.start, chunk.stop))


def test_a_source_that_cannot_be_sent_is_named(tmp_path):
    """The function is not blamed where the source holds what no other process can have."""
    database = sqlite3.connect(":memory:")
    spec = FanoutSpec("rows", Rows(database), square)
    what = "The source Rows cannot be sent .*: its attribute database, a Connection, cannot"
    with pytest.raises(TypeError, match=what) as caught:
        run_strategy(
            STRATEGIES["multiprocess"],
            spec,
            tmp_path / "rows",
            Options(workers=1, start_method="spawn"),
        )
    assert "open files and connections in its methods" in str(caught.value)
    assert "square" not in str(caught.value)
    database.close()


def test_what_is_known_by_name_only_is_named():
    """What another process would look up in `__main__` is not sent to fail in the worker."""
    namespace = {"__name__": "__main__"}
    exec(
        "class Known:\n"
        "    def __init__(self): self.__qualname__ = 'known'\n"
        "    def __call__(self, number): return number\n"
        "    def __reduce__(self): return 'known'\n"
        "known = Known()",
        namespace,
    )
    with pytest.raises(TypeError, match="known is known only by its name in __main__"):
        message_of(namespace["known"])


def test_nothing_stays_registered(by_hand):
    """Sending a module by value leaves cloudpickle as it was, for others in this process."""
    import cloudpickle

    message_of(by_hand.lonely)
    assert cloudpickle.list_registry_pickle_by_value() == set()
