"""What was measured and what follows from it: order checks, comparison, verdict, machine record.

Numbers in, numbers and sentences out. Keep out: Dagster, how things are drawn (reporting), how
the work is run (fanout).
"""
