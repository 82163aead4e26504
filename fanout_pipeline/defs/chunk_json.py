"""What travels between the steps of the chunk graph, as JSON and back."""

from pydantic import TypeAdapter

from fanout_pipeline.fanout.scattered import Answer, Plan

PLAN = TypeAdapter(Plan)
ANSWER = TypeAdapter(Answer)
