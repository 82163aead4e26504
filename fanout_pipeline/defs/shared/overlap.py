"""Steps of the same run that overlapped with a timed one, found in the run's event log."""

import dagster as dg

TIMED = "fanout/timed"
"""Op tag of timed steps. Of those with the value "alone" the executor runs one at a time."""
ALONE = "alone"
"""Value of the tag on steps that nothing may run beside."""
CHUNK = "chunk"
"""Value of the tag on chunk steps, which run concurrently."""


def overlapping_steps(
    context: dg.OpExecutionContext, prefix: str, own: str, began: float, ended: float
) -> list[str]:
    """Names of this run's steps, other than those of `prefix`/`own`, that ran between `began` and `ended`.

    Steps of other runs are not known. Times are seconds since the epoch, as in the event log.
    """
    entries = context.instance.all_logs(
        context.run_id,
        of_type={
            dg.DagsterEventType.STEP_START,
            dg.DagsterEventType.STEP_SUCCESS,
            dg.DagsterEventType.STEP_FAILURE,
        },
    )
    starts: dict[str, float] = {}
    stops: dict[str, float] = {}
    for entry in entries:
        asset, _, step = (entry.step_key or "").partition("__")
        if step and (asset, step.partition(".")[0]) != (prefix, own):
            name = step if asset == prefix else f"{asset}/{step}"
            started = entry.dagster_event_type == dg.DagsterEventType.STEP_START
            (starts if started else stops)[name] = entry.timestamp
    return sorted(
        step for step, start in starts.items() if start < ended and stops.get(step, ended) > began
    )
