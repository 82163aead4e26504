"""What every step of this project needs beside its definitions, imported once in the step server.

Modules only: nothing here may start a thread or open a file or a connection, because steps are
forked from the process that imported this.
"""

import pandas
import psutil
import upath.implementations.local

import fanout_pipeline.defs.chunk_json
import fanout_pipeline.engine.calls.imports
import fanout_pipeline.engine.scattered.scattered
import fanout_pipeline.measuring.verification
