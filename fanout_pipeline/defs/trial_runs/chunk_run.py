"""The program of one trial: executes the chunk graph as a run of its own, under a given executor.

    trial's step                                  this program
    Popen(python -c …, stdin=pipe) ------------>  imports Dagster and the code location
                                                  executes the run in a temporary instance
            <------------------------ record.json: the run's metadata and the times of its steps
    end of the step, however it dies ---------->  stdin is closed: kills its process group

A fresh interpreter, because a run that Dagster launches has one.
"""

import json
import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg

# Loads the code location from the pointer that the trials' own run has, which nothing public does.
from dagster._core.definitions.reconstruct import ReconstructableRepository

from fanout_pipeline.defs.config.dagster_executors import DAGSTER_EXECUTORS
from fanout_pipeline.defs.shared.metadata import plain_values
from fanout_pipeline.defs.trial_runs import metered
from fanout_pipeline.engine.system.usage import own_usage
from fanout_pipeline.results.files.atomic import write_text

RECORD = "record.json"
"""Name of the file that the program writes when the run has ended."""
_EVENTS = {
    dg.DagsterEventType.STEP_WORKER_STARTING: "launched",
    dg.DagsterEventType.STEP_WORKER_STARTED: "started",
    dg.DagsterEventType.STEP_SUCCESS: "ended",
}


def chunk_job(pointer: str, key: list[str], executor: str, values_key: str) -> dg.JobDefinition:
    """The job of one asset of the code location at `pointer`, under the executor of that name.

    `values_key`: that of the IO manager of its steps.
    """
    code = dg.deserialize_value(pointer)
    repository = ReconstructableRepository(code).get_definition()  # type: ignore[arg-type]
    asset = repository.assets_defs_by_key[dg.AssetKey(key)]
    attributes = asset.get_attributes_dict()
    attributes["resource_defs"] |= {values_key: metered.metered_json_io_manager}
    timed = dg.AssetsDefinition.dagster_internal_init(**attributes)
    job = dg.define_asset_job(
        "trial", selection=[asset.key], executor_def=DAGSTER_EXECUTORS[executor]
    )
    return dg.Definitions(assets=[timed], jobs=[job]).resolve_job_def("trial")


def run(began: float, request: dict[str, Any]) -> None:
    """Execute the run that `request` describes and write its record into its folder."""
    _end_with_parent()
    folder = Path(request["folder"])
    arguments: Any = (
        request["pointer"],
        request["key"],
        request["executor"],
        request["values_key"],
    )
    job = dg.build_reconstructable_job(__name__, "chunk_job", arguments)
    overrides = {
        "telemetry": {"enabled": False},
        "event_log_storage": {
            "module": metered.__name__,
            "class": metered.MeteredEventLog.__name__,
            "config": {"base_dir": str(folder / "history")},
        },
    }
    (folder / "history").mkdir()
    with dg.DagsterInstance.local_temp(str(folder), overrides) as instance:
        imported = time.time()
        result = dg.execute_job(job, instance, run_config=request["run_config"])
        executed = time.time()
        logs = instance.all_logs(result.run_id)
        read = time.time()
    record = _recorded(logs) | {
        "began": began,
        "imported": imported,
        "executed": executed,
        "pid": os.getpid(),
        "reading_seconds": read - executed,
        "cpu_seconds": own_usage().cpu_seconds,
    }
    write_text(folder / RECORD, json.dumps(record), durable=False)


def _recorded(logs: Sequence[dg.EventLogEntry]) -> dict[str, Any]:
    """Times and process of each step, and the metadata of the materialization."""
    steps: dict[str, dict[str, float]] = {}
    record: dict[str, Any] = {}
    for entry in logs:
        event = entry.dagster_event
        if event is None:
            continue
        if event.event_type in _EVENTS and entry.step_key:
            steps.setdefault(entry.step_key, {})[_EVENTS[event.event_type]] = entry.timestamp
        if event.event_type == dg.DagsterEventType.STEP_WORKER_STARTED and entry.step_key:
            pid = plain_values(event.engine_event_data.metadata)["pid"]
            steps[entry.step_key]["pid"] = int(pid)
        if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION:
            materialization = event.step_materialization_data.materialization
            record["metadata"] = plain_values(materialization.metadata)
    return record | {"steps": list(steps.values())}


def _end_with_parent() -> None:
    def kill_at_end_of_stdin() -> None:
        while os.read(0, 1):  # not sys.stdin, whose lock would be held when the interpreter exits
            pass
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=kill_at_end_of_stdin, daemon=True).start()
