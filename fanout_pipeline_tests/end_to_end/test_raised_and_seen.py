"""What a function raises, sees and keeps, as its author meets it: with Dagster's commands."""

import json

import pytest

from fanout_pipeline import read_failures
from fanout_pipeline_tests.contract.echo_server import echo_server

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def server():
    with echo_server() as server:
        yield server


DEFINITIONS = """
    from {module} import function
    from fanout_pipeline.defs.lab.factory import fanout_definitions
    from fanout_pipeline import FanoutSpec
    from fanout_pipeline import TextLines

    {settings}
    defs = fanout_definitions(FanoutSpec("lines", TextLines("lines.txt"), function))
"""


def definitions(module, settings="pass"):
    return DEFINITIONS.format(module=module, settings=settings)


QUARANTINE = {"resources": {"fanout": {"config": {"workers": 2, "on_error": "quarantine"}}}}


def test_an_exit_is_an_item_that_failed(guest):
    """argparse on a bad line calls sys.exit(2): with quarantine that line is listed, the others are done."""
    guest.write(
        reading="""
        import argparse

        def function(line):
            parser = argparse.ArgumentParser()
            parser.add_argument("--number", type=int)
            return parser.parse_args(line.split()).number
        """,
        mine=definitions("reading"),
    )
    guest.lines([f"--number {n}" for n in range(20)] + ["--nunber 20"] + ["--number 21"])
    keys = ["lines/serial", "lines/threads", "lines/multiprocess", "lines/dagster_multiprocess"]
    code, output = guest.materialize(*keys, config=QUARANTINE)
    assert code == 0, output
    for key in keys:
        failures = read_failures(guest.data / key)
        assert failures["index"].tolist() == [20], key
        assert failures["error_type"].tolist() == ["SystemExit"], key
        assert guest.results(key)[:20] == list(range(20)), key


def test_settings_of_the_definitions_hold_in_every_strategy(guest):
    """What the module of the definitions sets, which no worker imports, all strategies' calls see."""
    guest.write(
        dividing="""
        import decimal

        def function(line):
            return str(decimal.Decimal(line) / 7)
        """,
        mine=definitions("dividing", "import decimal; decimal.getcontext().prec = 5"),
    )
    guest.lines(range(1, 40))
    names = ["serial", "threads", "multiprocess", "dagster_multiprocess"]
    code, output = guest.materialize(*(f"lines/{name}" for name in names))
    assert code == 0, output
    expected = guest.results("lines/serial")
    assert expected[0] == "0.14286"
    for name in names:
        assert guest.results(f"lines/{name}") == expected, name


def test_a_client_that_is_made_once_works_in_every_strategy_and_in_trials(guest, server):
    """The usual way to write an async function is measured in every strategy, and nothing hangs."""
    guest.write(
        asking=f"""
        import asyncio

        client = free = None

        async def function(line):
            global client, free
            if client is None:
                client = asyncio.ensure_future(asyncio.open_connection(*{server.server_address!r}))
                free = asyncio.Lock()
            reader, writer = await client
            async with free:
                writer.write(line.encode() + b"\\n")
                await writer.drain()
                return int(await reader.readline())
        """,
        mine=definitions("asking"),
    )
    guest.lines(range(200))
    names = ["serial", "threads", "asyncio", "multiprocess"]
    trials = {
        "strategies": [name for name in names if name != "serial"],
        "rounds": 1,
        "warm_up_rounds": 0,
    }
    config = {"ops": {"lines__trials": {"config": trials | {"budget_seconds": 60}}}}
    (guest.works_in / "config.yaml").write_text(json.dumps(config))
    job = ["-m", "mine", "-j", "lines_comparison_job", "--config", "config.yaml"]
    code, output = guest.run("dagster", "job", "execute", *job)
    assert code == 0, output
    assert "loop is closed" not in output
    assert "is left out" not in output
    for name in names:
        assert guest.results(f"lines/{name}") == list(range(200)), name
