"""Measure, prove and run the fan-out of a Python function over many items, as a Dagster project.

The rooms, and the one direction of imports between them:
definitions -> defs -> reporting -> measuring -> fanout -> parts, sources.
Only `defs/` and `definitions.py` import dagster. This file stays empty of imports, because every
worker process runs it.
"""
