"""What travels between the steps of the chunk graph, as JSON and back."""

from pydantic import TypeAdapter

from fanout_pipeline.engine.scattered.gathered import Answer

ANSWER = TypeAdapter(Answer)
