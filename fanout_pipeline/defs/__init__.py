"""Dagster wiring only: assets, checks, jobs, schedules, resources, executors, config.

What belongs here: how a room's function becomes an asset, and what is recorded of it. Add an asset
through `factory.fanout_assets`. Keep out: logic that would be of use without Dagster, and
imports at the top of what only a step needs: whoever loads the definitions pays for them.
"""
