"""A fan-out whose chunks run in processes that a scheduler starts, such as Dagster's steps.

Belongs here: joining a run, doing one of its chunks anywhere, gathering the parts. Keep out: the
scheduler itself, which `defs` wires up.
"""
