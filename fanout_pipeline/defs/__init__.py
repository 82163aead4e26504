"""Dagster wiring only: how the functions of the other rooms become assets, checks, jobs and resources.

Sub-rooms, each importing only those above it:

    shared/      keys, tags, metadata and the IO manager that several of the others use
    config/      run config and its bounds, resources, executors
    assets/      an asset for each strategy, with its checks, and the example's numbers file
    trial_runs/  the chunk graph as a run of its own, timed under each of Dagster's executors
    lab/         trials, comparison and break-even, their jobs and schedule, and what makes them all

Add an asset of every fan-out in `lab.factory.fanout_assets`. Keep out: logic that would be useful without
Dagster, and imports at the top of a module of what only a step needs, because every process that loads
the definitions pays for them.
"""
