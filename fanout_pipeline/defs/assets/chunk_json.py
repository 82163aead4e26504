"""Conversion between JSON and what the steps of the chunk graph pass to each other.

Imported in steps only, because pydantic takes its time to build the adapter.
"""

from pydantic import TypeAdapter

from fanout_pipeline.engine.scattered.gathered import Answer

ANSWER = TypeAdapter(Answer)
