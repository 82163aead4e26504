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

# glibc's malloc gives freed memory back to the system, which hands it out again page by page, at 1.3 µs
# each: 15 ns an item. Of a block this large it learns to keep up to twice as much (mallopt(3),
# M_MMAP_THRESHOLD); nothing is written to it, so it takes no memory.
bytes(16 * 2**20)
