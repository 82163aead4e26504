"""What the first step of a run has found, kept in the run's generation for the other steps."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from fanout_pipeline.engine.functions.identity import Basis
from fanout_pipeline.engine.model.work import InputVersions
from fanout_pipeline.engine.scattered.owner import claim
from fanout_pipeline.engine.scheduling.resume import finished_before
from fanout_pipeline.engine.system.usage import ProcessUsage, own_usage
from fanout_pipeline.results.store.contract import Store
from fanout_pipeline.results.store.generation import Generation, read_file, write_text
from fanout_pipeline.results.store.ledger import Identity
from fanout_pipeline.sources.source import Version

_FILE = "_begun.json"


@dataclass(frozen=True, slots=True)
class Begun:
    """All steps of a run rely on this, so that their results are made from one version of everything.

    Times are seconds since the epoch, because several processes take them.
    """

    run: str
    """The name of the run and of its generation."""
    basis: Basis
    identity: Identity
    began: float
    ended: float
    """When the run had begun: everything here was known."""
    usage: ProcessUsage
    """What the first step's process had used before it began the run."""
    reused_chunks: int
    """Chunks that earlier runs finished before they stopped."""
    reused_items: int
    reused_retries: int
    """The number of calls that were made again for these items."""

    @property
    def digest(self) -> str:
        """A short digest of the identity."""
        text = json.dumps(asdict(self.identity), sort_keys=True)
        return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]

    def save(self, generation: Generation) -> None:
        """Raises CannotWrite."""
        write_text(generation, _FILE, json.dumps(asdict(self)))

    @classmethod
    def read(cls, generation: Generation) -> Begun | None:
        """None where the run that the generation is named after has not begun.

        The file may still be that of a dead run, whose generation this one has just taken over.
        """
        try:
            record: dict[str, Any] = json.loads(read_file(generation, _FILE))
        except (FileNotFoundError, NotADirectoryError):
            return None
        if record["run"] != generation.name:
            return None
        basis = record["basis"]
        seen = InputVersions(_version(basis["seen"]["source"]), basis["seen"]["depends_on"])
        read = {
            "basis": Basis(seen, _version(basis["input"]), basis["function"], basis["depends_on"]),
            "identity": Identity(**record["identity"]),
            "usage": ProcessUsage(**record["usage"]),
        }
        return cls(**record | read)


def _version(record: dict[str, Any]) -> Version:
    return Version(**record | {"counts": tuple(record["counts"])})


def begun(
    run: str,
    target: Store,
    identify: Callable[[], tuple[Basis, Identity]],
    *,
    resume: bool,
    is_over: Callable[[Generation], bool],
    log: Callable[[str], object],
) -> Begun:
    """What the first of a run's steps has found; whoever calls this before all others is the first.

    The run's generation exists afterwards, with a ledger, and belongs to this process. Raises BadInput or
    CannotWrite.
    """
    generation = target.generation(run)
    found = Begun.read(generation)
    if found is None:
        with target.beginning():
            found = Begun.read(generation)  # by whoever held the lock
            if found is None:
                usage, began = own_usage(), time.time()
                basis, identity = identify()
                reusable = identity if resume else None
                generation = target.open_shared(run, is_over, reusable, log, mark_owner=claim)
                finished = finished_before(generation, identity, log)
                items = sum(one.part.items for one in finished)
                retries = sum(one.part.retried for one in finished)
                reused = len(finished), items, retries
                found = Begun(run, basis, identity, began, time.time(), usage, *reused)
                found.save(generation)
    claim(generation)
    return found
