"""The limits of one run: where its processes share their account, and how it ends when a budget is spent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fanout_pipeline.engine.model.call_limits import CallLimits
from fanout_pipeline.engine.model.errors import BudgetSpent
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.results.files.windows import refuse_on_windows
from fanout_pipeline.results.store.ledger import KEPT


@contextmanager
def limited(
    limits: CallLimits | None, folder: Path, run: str, progress: Progress
) -> Iterator[CallLimits | None]:
    """For the block, which makes the calls, the limits with an account in the folder.

    Raises BudgetSpent at its end if a budget has kept calls from being made.
    """
    if limits is None:
        yield None
        return
    refuse_on_windows("Limits of calls")
    from fanout_pipeline.engine.calls.rate import limiter_of, release

    limits = limits._replace(path=str(folder / f"{KEPT}-limits-{limits.run or run}"))
    limiter = limiter_of(limits)
    try:
        yield limits
        account = limiter.account()
    finally:
        release(limits)
    if account.refused:
        raise _spent(limits, int(account.calls), account.seen - account.began, progress)


def _spent(limits: CallLimits, calls: int, seconds: float, progress: Progress) -> BudgetSpent:
    items, share = progress.items, progress.share
    names = {"budget_calls": limits.budget_calls, "budget_seconds": limits.budget_seconds}
    spent = " or ".join(f"{name}={value:,g}" for name, value in names.items() if value is not None)
    made = f"{calls:,} calls in {seconds:,.1f} s"
    message = f"{spent} is spent: {items:,} items are done, by {made}."
    if limits.run:  # This is one of several processes, which knows of no items but its own.
        message, share = f"{spent} is spent, by the {made} of all steps of the run.", None
    if share:
        message += (
            f" That is {share:.1%} of the work of this run, all of which would have taken about "
            f"{calls / share:,.0f} calls and {seconds / share:,.0f} s."
        )
    return BudgetSpent(
        message,
        calls,
        items,
        seconds,
        share,
    )
