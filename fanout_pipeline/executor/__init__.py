"""A Dagster executor whose steps cost a tenth of a second: forked from a process that has loaded them.

A product of its own (docs/executor.md). Any Dagster project may use it alone, so it imports nothing of
the rest of this one.

What belongs here: how a step's process is started, watched and ended. What the executor uses of Dagster
that Dagster does not call public goes into `dagster_internals`. Keep out: anything that knows of
fan-outs, and imports at the top of `definition` that only a run needs, because every process that
loads the user's definitions pays for them. The executor is imported when it is asked for: the step
server watches its parent (`lifetime`) from before it imports dagster.

    run's process                     step server                   step's process
    definition                        step_server                   step_process
    forked_executor, step_handler --> (loads everything once) ----> (runs one step)
                       step_messages  foreign_threads               step_logs
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fanout_pipeline.executor.definition import preloaded_multiprocess_executor

__all__ = ["preloaded_multiprocess_executor"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fanout_pipeline.executor import definition

    return getattr(definition, name)
