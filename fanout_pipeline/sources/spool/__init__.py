"""Input that cannot be cut in place, copied once to a file that can, while calls go on with what has arrived.

    Feed --groups--> Spool: a thread, a file and its index --> Source: reads ranges of the file, anywhere

A format that needs it has a method `feed()` that returns a `feed.Feed`. Keep out: what is done with what has
arrived, which is the engine's (`engine.scheduling.arrivals`).
"""
