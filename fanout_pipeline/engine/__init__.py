"""How the calls are made.

Belongs here: cutting the work, calling the function, sharing out, surviving. Add a strategy as one
file in `strategies/` and one line in `registry`. Keep out: Dagster, the formats of inputs
(`sources`) and of results (`results`), and anything that compares one strategy with another.
"""
