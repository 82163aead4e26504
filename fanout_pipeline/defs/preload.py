"""What every step of this project needs beside its definitions, imported once in the step server.

Modules only: nothing here may start a thread or open a file or a connection, because steps are
forked from the process that imported this.
"""

import pandas
import pyarrow.csv
import pyarrow.parquet
import upath.implementations.local
