"""What travels between the steps of the chunk graph, as JSON and back."""

from pydantic import TypeAdapter

from fanout_pipeline.fanout.gathered import Answer

ANSWER = TypeAdapter(Answer)
