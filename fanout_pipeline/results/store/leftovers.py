"""What dead runs have left of a result folder, and which of it the next run goes on with."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from fanout_pipeline.results.store.ledger import Identity, Ledger


def to_resume(
    left: Mapping[Path, Ledger | None],
    identity: Identity | None,
    log: Callable[[str], object],
) -> Path | None:
    """Of what dead runs have left, that of which the most can be reused."""
    chosen, most = None, -1
    for path, ledger in left.items():
        if identity is None or ledger is None or not is_of_use(ledger):
            continue
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ledger.stopped))
        if reusable := ledger.reusable(identity):
            items = sum(one.part.items for one in reusable)
            if items > most:
                chosen, most = path, items
            continue
        changed = identity.changed(ledger.identity)
        if not changed and all(one.is_old for one in ledger.finished):
            reason = "that is too long ago"
        else:
            changed = changed or identity.changed_failures(ledger.identity)
            reason = f"{' and '.join(changed)} changed since"
        log(
            f"starts afresh: the {len(ledger.finished):,} finished chunks of the run that "
            f"stopped at {when} are not reused, as {reason}"
        )
    return chosen


def is_of_use(ledger: Ledger | None) -> bool:
    return ledger is not None and bool(ledger.finished)
