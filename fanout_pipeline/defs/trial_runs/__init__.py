"""The chunk graph as a run of its own, so that trials can time Dagster's executors.

Keep out: trials of strategies, which run inside a step (`measuring`).
"""
