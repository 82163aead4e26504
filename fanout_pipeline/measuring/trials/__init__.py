"""Strategies run again and again in rounds, timed, checked, and stored as they were measured.

    rounds        runs the contenders; `round_plan` decides who takes part in the next round
    contenders    a strategy as a contender; `process` is where it runs, so that it can be ended
    trial, store  one timed run, and a Parquet file of them

Add here what makes or stores raw timings. Keep out: what they mean (comparison).
"""
