"""What a function raises, sees and keeps, as its author meets it: with Dagster's commands."""

import pytest

from fanout_pipeline import read_failures
from fanout_pipeline_tests.contract.echo_server import echo_server

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def server():
    with echo_server() as server:
        yield server


QUARANTINE = {"resources": {"fanout": {"config": {"workers": 2, "on_error": "quarantine"}}}}


def test_an_exit_fails_its_item_and_settings_of_the_definitions_hold(guest):
    """argparse on a bad line calls sys.exit(2): with quarantine that line is listed, the others are done.
    What the module of the definitions sets, which no worker imports, calls in all strategies see."""
    guest.write(
        functions="""
        import argparse
        import decimal

        def parsed(line):
            parser = argparse.ArgumentParser()
            parser.add_argument("--number", type=int)
            return parser.parse_args(line.split()).number

        def divided(line):
            return str(decimal.Decimal(line) / 7)
        """,
        mine="""
        import decimal
        from functions import divided, parsed
        from fanout_pipeline.defs.lab.factory import fanout_definitions
        from fanout_pipeline import FanoutSpec
        from fanout_pipeline import TextLines

        decimal.getcontext().prec = 5
        defs = fanout_definitions(
            FanoutSpec("parsed", TextLines("parsed.txt"), parsed),
            FanoutSpec("divided", TextLines("divided.txt"), divided),
        )
        """,
    )
    guest.lines(
        [f"--number {n}" for n in range(20)] + ["--nunber 20"] + ["--number 21"], "parsed.txt"
    )
    guest.lines(range(1, 40), "divided.txt")
    names = ["serial", "threads", "multiprocess", "dagster_multiprocess"]
    keys = [f"{fan_out}/{name}" for fan_out in ("parsed", "divided") for name in names]
    code, output = guest.materialize(*keys, config=QUARANTINE)
    assert code == 0, output
    for name in names:
        failures = read_failures(guest.data / "parsed" / name)
        assert failures["index"].tolist() == [20], name
        assert failures["error_type"].tolist() == ["SystemExit"], name
        assert guest.results(f"parsed/{name}")[:20] == list(range(20)), name
        divided = guest.results(f"divided/{name}")
        assert divided[0] == "0.14286", name
        assert divided == guest.results("divided/serial"), name


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
        mine="""
        from asking import function
        from fanout_pipeline.defs.lab.factory import fanout_definitions
        from fanout_pipeline import FanoutSpec
        from fanout_pipeline import TextLines

        defs = fanout_definitions(FanoutSpec("lines", TextLines("lines.txt"), function))
        """,
    )
    guest.lines(range(200))
    names = ["serial", "threads", "asyncio", "multiprocess"]
    trials = {
        "strategies": [name for name in names if name != "serial"],
        "rounds": 1,
        "warm_up_rounds": 0,
    }
    config = {"ops": {"lines__trials": {"config": trials | {"budget_seconds": 60}}}}
    keys = [f"lines/{name}" for name in (*names, "trials")]
    code, output = guest.materialize(*keys, config=config)
    assert code == 0, output
    assert "loop is closed" not in output
    assert "is left out" not in output
    for name in names:
        assert guest.results(f"lines/{name}") == list(range(200)), name
