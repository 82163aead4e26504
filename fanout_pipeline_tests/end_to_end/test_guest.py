"""The package in a project that is not the checkout."""

from pathlib import Path

from fanout_pipeline_tests.executor import asks_another_thread


def test_the_checkout_is_not_importable_there(guest):
    """What these tests see is what a user sees: the package alone is installed."""
    code, output = guest.run(
        "python", "-c", "import fanout_pipeline, sys; print(sys.path); import fanout_pipeline_tests"
    )
    assert code != 0
    assert "No module named 'fanout_pipeline_tests'" in output


def test_a_module_may_start_threads_that_its_function_needs(guest):
    """A library whose threads Python does not know, used at import and in the function, gives right
    results: steps are not forked, and the run says once why."""
    guest.write(
        beside=Path(asks_another_thread.__file__).read_text(),
        mine="""
        from beside import size
        from fanout_pipeline.defs.lab.factory import fanout_definitions
        from fanout_pipeline import FanoutSpec
        from fanout_pipeline import TextLines

        defs = fanout_definitions(FanoutSpec("lines", TextLines("lines.txt"), size))
        """,
    )
    guest.lines(["a", "bcd", ""] * 40)
    code, output = guest.materialize("lines/serial")
    assert code == 0, output
    assert guest.results("lines/serial") == [1, 3, 0] * 40
    with guest.instance() as instance:
        (run,) = instance.get_runs()
        messages = [entry.message for entry in instance.all_logs(run.run_id)]
    (reason,) = (message for message in messages if "not forked" in message)
    assert "not forked: importing beside started 1 thread, " in reason
