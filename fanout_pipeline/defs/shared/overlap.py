"""Which steps of the same run worked beside a timed one, read from the run's own event log."""

import dagster as dg

TIMED = "fanout/timed"
"""Op tag of the steps that are timed; the executor lets one of value "alone" run at a time."""
ALONE = "alone"
CHUNK = "chunk"
"""The tag's value on chunk steps, which run beside each other."""


def overlapping_steps(
    context: dg.OpExecutionContext, prefix: str, own: str, began: float, ended: float
) -> list[str]:
    """Names of the steps, other than those of `prefix`/`own`, of any fan-out that ran in [began, ended].

    Of this run: nothing is known of others. Times are seconds since the epoch, as in the event log.
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
