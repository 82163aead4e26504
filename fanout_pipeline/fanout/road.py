"""What reading, calling and writing import, in one place: before the clock runs, not within it.

A worker imports this when it has answered, a process that runs strategies with `run`. Nothing else
does, so that definitions load without Arrow and NumPy.
"""

import pyarrow.csv
import pyarrow.parquet

import fanout_pipeline.fanout.chunk_work
import fanout_pipeline.parts.writing
