"""The names of the phases into which the wall time of a run is divided, in the order in time."""

from __future__ import annotations

PHASES = {
    "launch": "starting the processes of Dagster's run and of its steps",
    "start": "starting workers, until each has answered",
    "import": "importing what a worker or a step needs",
    "cut": "cutting the source into chunks",
    "send": "moving descriptors, items or results between processes, waiting for them included",
    "read": "reading and parsing",
    "call": "the function itself",
    "write": "writing parts, and giving back the memory of their items and results",
    "io": "keeping what travels between Dagster's steps",
    "event_log": "writing Dagster's event log",
    "framework": "the rest of what Dagster does in a step",
    "wait": "workers without work: waiting for another, or for the last chunk's end",
    "gather": "putting the parts in order and making them visible",
    "stop": "stopping workers, until each is gone",
}
"""What each means. A strategy has some of them; those it has sum to its wall time."""
