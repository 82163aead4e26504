"""What was measured, and what follows from it. Numbers in; numbers and sentences out.

    statistics  <-  correctness  <-  trials  <-  comparison
                                             <-  break_even

Imports follow the arrows, to the left only. `formatting` turns numbers into text for all of them.

Keep out: Dagster (defs), tables, plots and pages (reporting), how a strategy makes its calls (engine).
"""
