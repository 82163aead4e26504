"""Resources of Dagster, and setups and functions that use them. Workers that import this import dagster."""

import asyncio
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import PrivateAttr


class Region(dg.ConfigurableResource):
    """A resource that others have."""

    name: str


class Api(dg.ConfigurableResource):
    """A resource with a nested one and a life cycle, of which it keeps a journal."""

    key: str
    tries: int = 1
    region: Region
    _connection: Any = PrivateAttr(default=None)

    def setup_for_execution(self, context):
        self._connection = "connected"
        self._note("set up")

    def teardown_after_execution(self, context):
        self._note("torn down")

    def _note(self, what):
        with Path(self.region.name).open("a") as file:
            file.write(f"{what}\n")


class Key(dg.ConfigurableResource):
    """A resource that is no more than its fields."""

    key: str


class Plain:
    """An object like any other."""

    def __init__(self, key):
        self.key = key


def connect(api):
    """The setup."""
    return f"{api.key} {api.tries} {api.region.name} {api._connection}"


def itself(key=None):
    """A setup whose value is its resource."""
    return key


def key_of(item, key):
    """What the resource holds."""
    return key.key


def _awaited(function):
    async def awaited(*given):
        await asyncio.sleep(0)
        return function(*given)

    function.awaited = awaited
    return function


@_awaited
def describe(item, value):
    """The value."""
    return value


@_awaited
def tells(item, given):
    """Fails with what it was given in its message and a log record, as it is and escaped."""
    import logging

    logging.getLogger("told").warning("calling with %s", given["key"])
    raise ValueError(f"no answer for {given['key']} or {repr(given['key'])[1:-1]}")


@_awaited
def tells_short(item, given):
    """Fails with what it was given, however it was hidden."""
    secret = given["key"]
    while not isinstance(secret, str):
        secret = (
            secret.get_secret_value()
            if hasattr(secret, "get_secret_value")
            else next(iter(secret.values()))[0]
        )
    raise ValueError(f"no answer for {secret}!")


def tells_long(item, given):
    """Fails with a message that has to be shortened."""
    raise ValueError((given["before"] + given["key"]) * 500)


def looks_around(item, given):
    """Looks for what it was given in the environment and the command line of its process."""
    import os

    around = (
        str(os.environ)
        + Path("/proc/self/cmdline").read_text()
        + Path("/proc/self/environ").read_text()
    )
    assert given["key"] not in around
    return 1
