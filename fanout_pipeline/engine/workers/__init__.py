"""Our own worker processes, both sides: `pool`, `run` and `process` in the parent, `main` in the worker.

Belongs here: starting, speaking to, limiting and ending workers, and what they log. Add a message to
`protocol`. Keep out: what a worker does with a chunk (`calls`) and which it gets (`scheduling`).
"""
