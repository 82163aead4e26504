"""Where the time of a run went.

Belongs here: the names of the phases, the stopwatch of a chunk and the timeline of a worker. Add a
phase to `phases` with what it means. Keep out: comparing runs, which is `measuring`.
"""
