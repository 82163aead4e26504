"""Workers on a simulated clock, which take chunks from a plan as the real crews do."""

import heapq
import math
from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate

from fanout_pipeline.engine.scheduling.chunk_plan import ChunkPlan
from fanout_pipeline.sources.source import Chunk


@dataclass(frozen=True)
class Given:
    """A chunk as the plan gave it out, and what of it was done."""

    chunk: Chunk
    limit: float
    stop: int
    """Where the piece ends that was done; the rest went back to the plan."""


@dataclass(frozen=True)
class Simulated:
    given: list[Given]
    makespan: float


def cut(size, chunks):
    """As sources cut; they give one chunk of an empty input."""
    edges = [size * number // chunks for number in range(chunks + 1)]
    return [Chunk(n, edges[n], edges[n + 1]) for n in range(chunks)]


def simulate(costs, chunks, workers, *, fixed=False, per_chunk=0.0, in_turn=False):
    """Let workers do units that cost so many seconds each, and `per_chunk` more for each chunk.

    With `in_turn` these are not paid beside each other.
    """
    plan = ChunkPlan(chunks, workers, fixed, in_turn=in_turn)
    paid = 0.0
    ends = list(accumulate(costs, initial=0.0))
    given, working, idle, now = [], [], list(range(workers)), 0.0
    while True:
        while idle and (chunk := plan.take()) is not None:
            limit = plan.seconds(chunk)
            stop = chunk.stop
            if not math.isinf(limit):  # No unit is begun after that, but one is always done.
                late = bisect_left(ends, ends[chunk.start] + limit, min(chunk.start + 1, stop))
                stop = min(stop, late)
            given.append(Given(chunk, limit, stop))
            calls = ends[stop] - ends[chunk.start]
            entry = (now + calls, chunk.number, False, now, stop, idle.pop(), chunk)
            heapq.heappush(working, entry)
        if not working:
            return Simulated(given, now)
        now, number, has_paid, begun, stop, worker, chunk = heapq.heappop(working)
        if not has_paid:
            paid = (max(paid, now) if in_turn else now) + per_chunk
            heapq.heappush(working, (paid, number, True, begun, stop, worker, chunk))
            continue
        busy = now - begun
        rest = Chunk(chunk.number, stop, chunk.stop) if stop < chunk.stop else None
        plan.done(chunk, busy, rest)
        idle.append(worker)
