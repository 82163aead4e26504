"""What every step needs, imported once in the fork server; see `executors`.

Modules only: nothing here may start a thread or open a file or a connection, because steps are
forked from the process that imported this.
"""

import alembic.command
import alembic.config
import alembic.runtime.migration
import dagster._core.execution.api
import dagster._core.executor.multiprocess
import dagster._core.instance
import dagster._core.launcher
import dagster._core.run_coordinator
import dagster._core.storage.event_log
import dagster._core.storage.local_compute_log_manager
import dagster._core.storage.root
import dagster._core.storage.runs
import dagster._core.storage.schedules
import pandas
import pyarrow.parquet
import sqlalchemy.dialects.sqlite

import fanout_pipeline.definitions
