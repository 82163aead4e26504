"""The names of the phases into which the wall time of a run is divided, in the order in time."""

from __future__ import annotations

PHASES = {
    "launch": "starting the processes of Dagster's run and of its steps, and their imports",
    "start": "starting workers, their imports, and what `setup` makes",
    "read": "cutting the source into chunks, reading and parsing them",
    "call": "the function itself",
    "write": "writing parts, and freeing the memory of their items and results",
    "io": "storing what travels between Dagster's steps",
    "event_log": "writing Dagster's event log",
    "framework": "the rest of what Dagster does in a step",
    "wait": "idle workers: waiting for a chunk, for items or results to be moved between processes, "
    "for another worker, or for the last chunk's end",
    "commit": "putting the parts in order and making them visible",
    "stop": "stopping workers, until each is gone",
}
"""What each phase means. A strategy has some of them; those that it has sum to its wall time."""

FORMER_PHASES = {"import": "start", "cut": "read", "send": "wait", "gather": "commit"}
"""Phases of earlier versions, whose trials are still read, and the phase that each is part of now."""
