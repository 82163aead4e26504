"""The assets that make results: one for each strategy, with its checks, and the example's numbers file.

A strategy of the engine's registry needs no code here. Keep out: anything that compares strategies.
"""
