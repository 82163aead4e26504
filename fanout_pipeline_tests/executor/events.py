"""What the event log tells of a run's steps."""


def events(instance, run_id, *types):
    """(step, type, message) of the run's events of these types."""
    entries = instance.all_logs(run_id, of_type=set(types))
    return [(e.step_key, e.dagster_event_type, e.dagster_event.message) for e in entries]
