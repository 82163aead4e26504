"""What reading and writing import, in one place.

A process that runs strategies imports this with `engine.run`, before the clock starts; a worker process only when
it is kept for further runs. Nothing else does, so that definitions load without Arrow and NumPy.
"""

import pyarrow
import pyarrow.csv
import pyarrow.parquet

import fanout_pipeline.results.write
from fanout_pipeline.sources.integer_lines import IntegerLines
