"""The glossary's program, its remedy and `multiprocessing.Pool.map`: kept to be compared with, not to be deployed.

What belongs here: the programs themselves, and what it takes to time them. The parent reads every item,
sends it to a worker, gets every result back and writes the parts; a call that raises or a worker that
dies ends the run. What does not belong here: retries, quarantine, limits, resuming, or a way to end
workers that hang. A run that asks for one of these is refused (`engine.suitability`), and each run has
a process of its own that is killed with all its workers, however it ends (`engine.workers.apart`).
"""
