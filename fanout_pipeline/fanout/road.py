"""What reading, calling and writing import, in one place: before the clock runs, not within it.

A worker imports this when it has answered, a process that runs strategies with `run`. Nothing else
does, so that definitions load without Arrow and NumPy.
"""

import pyarrow
import pyarrow.csv
import pyarrow.parquet

import fanout_pipeline.fanout.chunk_work
import fanout_pipeline.parts.writing

# Where it parses, Arrow puts handlers of its own in the place of Python's, to be able to stop. A
# signal that comes as it ends is lost: 25 Ctrl-C of 3,000. What we have it do takes milliseconds.
pyarrow.enable_signal_handlers(False)
