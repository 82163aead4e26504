"""An HTTP server that allows so many requests a second, and two functions that call it.

The rest is answered 429 with Retry-After. It says with /stats what it has answered.

    python -m benchmarks.limited_server --per-second 50 --kind sliding
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.utils import formatdate
from http.client import HTTPConnection

KINDS = ("fixed", "sliding", "bucket")
_REASONS = {200: "OK", 429: "Too Many Requests", 503: "Service Unavailable"}


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, retry_after: str | None):
        super().__init__(status, retry_after)
        self.status, self.retry_after = status, retry_after

    def __str__(self) -> str:
        return f"{self.status} {_REASONS[self.status]}"


def retry_after(error: BaseException) -> str | None:
    return error.retry_after if isinstance(error, Refused) else None


def fetch(url: str) -> int:
    """One request over a connection of its own; the number in its answer."""
    _, _, host, path = url.split("/", 3)
    with closing(HTTPConnection(host, timeout=10)) as connection:
        connection.request("GET", f"/{path}")
        answer = connection.getresponse()
        body = answer.read()
    if answer.status != 200:
        raise Refused(answer.status, answer.getheader("Retry-After"))
    return int(body)


async def fetch_async(url: str) -> int:
    """The same."""
    _, _, host, path = url.split("/", 3)
    reader, writer = await asyncio.open_connection(*host.split(":"))
    writer.write(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    lines = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    if (status := int(head.split()[1])) != 200:
        raise Refused(status, lines.get("Retry-After"))
    return int(body)


class Server:
    def __init__(self, per_second: int, kind: str, failing: float, seconds: float, dates: bool):
        self.per_second, self.kind, self.failing = per_second, kind, failing
        self.seconds, self.dates = seconds, dates
        self.served = 0
        self.answers: Counter[int] = Counter()
        self.allowed: deque[float] = deque()
        self.window, self.in_window = 0, 0
        self.tokens, self.at = float(per_second), time.monotonic()

    def seconds_to_wait(self) -> float:
        """0 where a request is allowed now."""
        now, most = time.monotonic(), self.per_second
        if self.kind == "fixed":
            if int(now) != self.window:
                self.window, self.in_window = int(now), 0
            self.in_window += 1
            return 0.0 if self.in_window <= most else self.window + 1 - now
        if self.kind == "sliding":
            while self.allowed and self.allowed[0] <= now - 1:
                self.allowed.popleft()
            if len(self.allowed) >= most:
                return self.allowed[0] + 1 - now
            self.allowed.append(now)
            return 0.0
        self.tokens = min(most, self.tokens + (now - self.at) * most)
        self.at = now
        if self.tokens < 1:
            return (1 - self.tokens) / most
        self.tokens -= 1
        return 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            path = line.decode().split()[1]
            closes = False
            while line := (await reader.readline()).strip():
                closes |= line.lower() == b"connection: close"
            writer.write(await self.answer(path))
            await writer.drain()
            if closes:
                break
        writer.close()

    async def answer(self, path: str) -> bytes:
        if path == "/stats":
            return self.response(200, json.dumps(self.answers))
        if wait := self.seconds_to_wait():
            self.answers[429] += 1
            after = (
                formatdate(time.time() + wait + 1, usegmt=True) if self.dates else math.ceil(wait)
            )
            return self.response(429, "", f"Retry-After: {after}\r\n")
        await asyncio.sleep(self.seconds)
        self.served += 1
        status = 503 if self.served * self.failing % 1 < self.failing - 1e-9 else 200
        self.answers[status] += 1
        return self.response(status, path[1:])

    @staticmethod
    def response(status: int, body: str, header: str = "") -> bytes:
        head = f"HTTP/1.1 {status} {_REASONS[status]}\r\n{header}Content-Length: {len(body)}"
        return f"{head}\r\n\r\n{body}".encode()


@contextmanager
def limited_server(*arguments: str) -> Iterator[str]:
    """The address of a server in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.limited_server", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def stats(url: str) -> dict[int, int]:
    """How many requests were answered with each status."""
    connection = HTTPConnection(url.removeprefix("http://"), timeout=10)
    connection.request("GET", "/stats")
    counts = json.loads(connection.getresponse().read())
    connection.close()
    return {int(status): count for status, count in counts.items()}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-second", type=int, default=50)
    parser.add_argument("--kind", choices=KINDS, default="fixed")
    parser.add_argument("--failing", type=float, default=0.05, help="share of answers 503")
    parser.add_argument("--seconds", type=float, default=0.03, help="time to an answer")
    parser.add_argument("--dates", action="store_true", help="Retry-After as HTTP dates")
    asked = parser.parse_args()
    server = Server(asked.per_second, asked.kind, asked.failing, asked.seconds, asked.dates)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
