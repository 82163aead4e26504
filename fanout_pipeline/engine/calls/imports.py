"""What reading and writing import, in one place.

A process that runs strategies imports this with `run`, before the clock starts; a worker when it is to write,
and reports how long that took. Nothing else imports it, so that definitions load without Arrow and NumPy.
"""

import pyarrow
import pyarrow.csv
import pyarrow.parquet

import fanout_pipeline.results.write
from fanout_pipeline.sources.integer_lines import IntegerLines
