"""Dagster wiring only: assets, checks, jobs, schedules, resources, executors, config.

What belongs here: how a room's function becomes an asset, and what is recorded of it. Add an asset
through `factory.fanout_assets`. Keep out: logic that would be of use without Dagster, and
imports that a step does not need, because every step's process pays for them.
"""
