"""A user's modules are found by workers, by steps and by the function itself, however Dagster was started."""

import json

import pytest

from fanout_pipeline_tests.engine.functions.test_forms import HELPER, LINES, TEXT

FUNCTIONS = """

def each(line):
    import inspect, sys

    told = {}
    for name, form in FORMS.items():
        value = form(line)
        told[name] = repr(asyncio.run(value) if inspect.iscoroutine(value) else value)
    return told | {"dagster": str("dagster" in sys.modules)}


async def each_awaited(line):
    import helper_of_forms

    return cached(line) + helper_of_forms.helped(line)


def length(line):
    import helper_of_forms

    return len(helper_of_forms.helped(line))


def batch(lines):
    import helper_of_forms

    return [len(helper_of_forms.helped(line)) for line in lines]
"""
SPECS = """
from fanout_pipeline.defs.lab.factory import fanout_definitions
from fanout_pipeline import FanoutSpec
from fanout_pipeline import TextLines

LINES = TextLines("lines.txt")
SPECS = FanoutSpec("each", LINES, each), FanoutSpec("waits", LINES, each_awaited)
SPECS += (FanoutSpec("lengths", LINES, length, batch_function=batch),)
SPECS += (FanoutSpec("nameless", LINES, lambda line: length(line)),)
defs = fanout_definitions(*SPECS)
"""
IMPORTS = "from forms import batch, each, each_awaited, length\n"
STRATEGIES = ["serial", "threads", "multiprocess", "dagster_multiprocess"]


@pytest.fixture
def theirs(guest):
    """A project with a module of forms, and a helper that these import when they are called."""
    guest.lines(LINES * 5)
    guest.write(forms=TEXT + FUNCTIONS, helper_of_forms=HELPER)
    return guest


def expected(guest):
    """What the forms give without any fan-out."""
    program = f"import forms, json; print(json.dumps([forms.each(line) for line in {LINES!r}]))"
    code, output = guest.run("python", "-c", program)
    assert code == 0, output
    return json.loads(output.splitlines()[-1]) * 5


def require_forms(guest, strategies):
    without = [{**told, "dagster": None} for told in expected(guest)]
    for strategy in strategies:
        found = [{**told, "dagster": None} for told in guest.results(f"each/{strategy}")]
        assert found == without, strategy


def require_also(guest):
    waited = [line.upper() + line.title() for line in LINES] * 5
    assert guest.results("waits/asyncio") == guest.results("waits/multiprocess") == waited
    assert guest.results("lengths/vectorized") == [len(line) for line in LINES] * 5


ALSO = ["waits/asyncio", "waits/multiprocess", "lengths/vectorized"]


def test_every_form_in_every_strategy(theirs):
    """`-m`: modules beside the definitions are imported by name, and the function's own imports work."""
    theirs.write(mine=IMPORTS + SPECS)
    code, output = theirs.materialize(*[f"each/{name}" for name in STRATEGIES], *ALSO)
    assert code == 0, output
    require_forms(theirs, STRATEGIES)
    require_also(theirs)
    assert {told["dagster"] for told in theirs.results("each/multiprocess")} == {"False"}
    assert "with its code" not in output


def test_a_file_of_definitions_and_functions(theirs):
    """`-f`: a module that defines Dagster's objects travels with its code, which the log says once."""
    theirs.write(forms="", mine=TEXT + FUNCTIONS + SPECS)
    code, output = theirs.materialize(
        "each/multiprocess", "nameless/multiprocess", *ALSO, location=("-f", "mine.py")
    )
    assert code == 0, output
    theirs.write(forms=TEXT + FUNCTIONS)
    require_forms(theirs, ["multiprocess"])
    require_also(theirs)
    assert theirs.results("nameless/multiprocess") == theirs.results("lengths/vectorized")
    assert {told["dagster"] for told in theirs.results("each/multiprocess")} == {"False"}
    said = "multiprocess: what is defined in mine is sent to worker processes with its code"
    assert output.count(said) == 3  # of `each`, of `waits` and of the lambda


def test_definitions_elsewhere_under_dagsters_own_executor(theirs):
    """`-d`, with definitions that are made when their module is loaded, and steps that Dagster starts."""
    lazily = SPECS.replace("defs = fanout_definitions(*SPECS)", "").replace("\n", "\n    ")
    theirs.write(
        mine=f"""
import dagster as dg
{IMPORTS}
@dg.definitions
def defs():
    {lazily}
    made = fanout_definitions(*SPECS)
    return dg.Definitions.merge(
        dg.Definitions(assets=made.assets, resources=made.resources),
        dg.Definitions(executor=dg.multiprocess_executor),
    )
"""
    )
    (theirs.folder / "theirs").mkdir()
    for name in ("forms", "helper_of_forms", "mine"):
        (theirs.works_in / f"{name}.py").rename(theirs.folder / "theirs" / f"{name}.py")
    location = ("-d", str(theirs.folder / "theirs"), "-m", "mine")
    code, output = theirs.materialize(
        "each/dagster_multiprocess",
        location=location,
        config={"resources": {"fanout": {"config": {"chunks": 1}}}},
    )
    assert code == 0, output
    for name in ("forms", "helper_of_forms"):
        (theirs.folder / "theirs" / f"{name}.py").rename(theirs.works_in / f"{name}.py")
    require_forms(theirs, ["dagster_multiprocess"])
