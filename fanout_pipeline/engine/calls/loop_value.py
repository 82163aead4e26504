"""A value of `setup` that an event loop takes care of: made, taken by calls, made anew, and closed in it.

A task keeps each value and does nothing else, because what was entered by one task must be left by the same: a task
group or time limit inside an async context manager insists on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from inspect import isawaitable
from typing import Any


class Kept:
    """One value, with the task that keeps it."""

    def __init__(self, make: Callable[[], Any]):
        self._make = make
        self.value: Any = None
        self.calls = 0
        """How many calls have taken it."""
        self.users = 0
        """How many of them have not ended."""
        self.retired = False
        """Whether no further call takes it."""
        self._closing = asyncio.Event()
        self._task: asyncio.Task[BaseException | None] | None = None

    async def begin(self) -> None:
        """Make the value. Raises what that raises."""
        made: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._keep(made))
        try:
            either: list[asyncio.Future[Any]] = [made, self._task]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._task.cancel()
            await asyncio.wait([self._task])
            raise
        if not made.done():
            await self._result()

    async def end(self) -> None:
        """Close the value. Raises what that raises."""
        self.retired = True
        self._closing.set()
        await self._result()

    async def _result(self) -> None:
        """Wait for the end of the task. Raises what it has raised, but not in it: a loop reacts to some exceptions."""
        assert self._task is not None
        await asyncio.wait([self._task])
        error = self._task.result()
        if error is not None:
            raise error

    async def _keep(self, made: asyncio.Future[None]) -> BaseException | None:
        try:
            await self._kept(self._make(), made)
        except BaseException as error:
            return error
        return None

    async def _kept(self, value: Any, made: asyncio.Future[None]) -> None:
        kind = type(value)
        if hasattr(kind, "__aenter__"):
            async with value as entered:
                await self._wait(entered, made)
        elif isawaitable(value):
            await self._kept(await value, made)
        elif hasattr(kind, "__enter__"):
            with value as entered:
                await self._wait(entered, made)
        else:
            await self._wait(value, made)

    async def _wait(self, value: Any, made: asyncio.Future[None]) -> None:
        self.value = value
        made.set_result(None)
        await self._closing.wait()


class LoopValue:
    """The value that all calls of an async function in one loop have, one after the other where it is made anew."""

    def __init__(
        self,
        make: Callable[[], Any],
        every: float,
        making: Callable[[], AbstractContextManager[None]],
        failed: Callable[[BaseException], BaseException],
        log: Callable[[BaseException], object],
    ):
        """`every`: the calls after which it is made anew. `making`: what is around that. `failed`: what to raise then."""
        self._make = make
        self._every = every
        self._around = making
        self._failed = failed
        self._log = log
        self._current: Kept | None = None
        self._older: set[Kept] = set()
        """Values that some calls still have."""
        self._making = asyncio.Lock()
        self._failure: BaseException | None = None
        """Why it cannot be made: that ends the run, and nobody tries again."""

    @property
    def is_made(self) -> bool:
        return self._current is not None

    async def ready(self) -> None:
        """Make the value if there is none, or if it has served for enough calls."""
        async with self._making:
            if self._failure is not None:
                raise self._failure
            old = self._current
            if old is not None and old.calls < self._every:
                return
            if old is not None:
                old.retired, self._current = True, None
                self._older.add(old)
                await self._end_unused(old)
            kept = Kept(self._make)
            try:
                with self._around():
                    await kept.begin()
                    self._current = kept
            except asyncio.CancelledError:
                raise
            except BaseException as error:
                self._failure = self._failed(error)
                raise self._failure from None

    async def taken(self) -> Kept:
        """The value for one more call, which has to be given back."""
        while (kept := self._current) is None or kept.calls >= self._every:
            await self.ready()
        kept.calls += 1
        kept.users += 1
        return kept

    async def given_back(self, kept: Kept) -> None:
        kept.users -= 1
        await self._end_unused(kept)

    async def close(self) -> None:
        """Close all that is left."""
        kept, self._current = self._current, None
        for one in [*self._older, *([] if kept is None else [kept])]:
            await self._end(one)

    async def _end_unused(self, kept: Kept) -> None:
        if kept.retired and not kept.users and kept in self._older:
            self._older.discard(kept)
            await self._end(kept)

    async def _end(self, kept: Kept) -> None:
        try:
            await kept.end()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._log(error)


class GivenAsyncFunction:
    """An async function with the value of its loop as its second argument."""

    def __init__(self, function: Callable[..., Any], value: LoopValue):
        self.__wrapped__ = function
        self._value = value

    async def __call__(self, item: Any) -> Any:
        kept = await self._value.taken()
        try:
            return await self.__wrapped__(item, kept.value)
        finally:
            await self._value.given_back(kept)
