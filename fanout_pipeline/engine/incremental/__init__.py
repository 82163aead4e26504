"""What a run with a key does beside the ordinary road: it calls only what has changed since the results before.

    input --survey--> keys, contents --+
    visible results, dead runs --pools-+--decision--> called: picked, spooled, the ordinary road --> new parts --+
                                              '-----> carried over: rows of files that are there ----------------+--merge--> parts

Keep out: calling, and which parts of a run are finished (`engine.scheduling`).
"""
