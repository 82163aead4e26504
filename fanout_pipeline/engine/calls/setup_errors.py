"""What is said of a setup whose value cannot be made or closed."""

from __future__ import annotations

from fanout_pipeline.engine.model.errors import SetupFailed, Stopped, failure_from
from fanout_pipeline.engine.model.work import Setup
from fanout_pipeline.engine.system.signals import interrupt_in


def setup_failed(setup: Setup, error: BaseException) -> BaseException:
    """The error of a value that could not be made: SetupFailed, unless it is an interrupt or that already."""
    if isinstance(error, (Stopped, SetupFailed)):
        return error
    if (interrupt := interrupt_in(error)) is not None:
        return interrupt
    found = failure_from(error, "")
    traceback = "  " + found.traceback.rstrip("\n").replace("\n", "\n  ")
    return SetupFailed(
        f"setup {setup_name(setup)} raised {found.error_type}: {found.message}\n\n"
        f"In the call:\n{traceback}\n"
    )


def log_unclosed(setup: Setup, error: BaseException) -> None:
    import logging  # 20 ms, which most workers do without

    found = failure_from(error, "")
    logging.getLogger(__name__).warning(
        "The value of setup %s could not be closed: %s: %s\n%s",
        setup_name(setup),
        found.error_type,
        found.message,
        found.traceback,
    )


def setup_name(setup: Setup) -> str:
    """How messages name a setup."""
    made = setup.make
    while hasattr(made, "func"):
        made = made.func
    return str(getattr(made, "__qualname__", type(made).__qualname__))
