"""What the first of a run's steps has found, kept in the run's generation for the others."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fanout_pipeline.engine.functions.identity import Basis, identity_of
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.model.strategy import Look, Strategy
from fanout_pipeline.engine.scheduling.resume import finished_before
from fanout_pipeline.engine.system.ownership import own
from fanout_pipeline.engine.system.usage import ProcessUsage, own_usage
from fanout_pipeline.results.files.atomic import make_folder, write_text
from fanout_pipeline.results.files.lock import locked
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.store.ledger import Identity
from fanout_pipeline.sources.source import Version

_FILE = "begun.json"
_BEGINNING = ".beginning"
"""Locked while a run begins, for its other steps wait for that."""


@dataclass(frozen=True, slots=True)
class Begun:
    """All steps of a run go by it, so that their results are of one version of everything.

    Times are seconds since the epoch, as several processes take them.
    """

    run: str
    """What names the run, and its generation."""
    basis: Basis
    identity: Identity
    began: float
    ended: float
    """When the beginning was done."""
    usage: ProcessUsage
    """Of the process that began, before."""
    reused_chunks: int
    """Of earlier runs that did not come to their end."""
    reused_items: int

    @property
    def digest(self) -> str:
        """Short, and of the identity."""
        text = json.dumps(asdict(self.identity), sort_keys=True)
        return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]

    def save(self, generation: Path) -> None:
        """Raises CannotWrite."""
        write_text(generation / _FILE, json.dumps(asdict(self)), durable=False)

    @classmethod
    def read(cls, generation: Path) -> Begun | None:
        """None where the run that the generation is named by has not begun.

        It may be that of a dead run, which this one has just taken over.
        """
        try:
            record: dict[str, Any] = json.loads((generation / _FILE).read_text())
        except (FileNotFoundError, NotADirectoryError):
            return None
        if record["run"] != generation.name:
            return None
        basis = record["basis"]
        seen = Look(_version(basis["seen"]["source"]), basis["seen"]["depends_on"])
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
    strategy: Strategy,
    spec: FanoutSpec,
    target: ResultFolder,
    options: Options,
    chunks: int | None,
    *,
    resume: bool,
    is_over: Callable[[Path], bool],
    log: Callable[[str], object],
) -> Begun:
    """What the first of a run's steps has found; who calls it before any other is that.

    The run's generation is there afterwards, with a ledger, and owned by who runs this process.
    Raises BadInput or CannotWrite.
    """
    generation = target.generation(run)
    found = Begun.read(generation)
    if found is None:
        spec.source.version()  # Nothing is written for an input that is not there.
        make_folder(generation.parent)
        with locked(generation.with_name(_BEGINNING), math.inf):
            found = Begun.read(generation)  # by who had the lock
            if found is None:
                found = _begin(run, strategy, spec, target, options, chunks, resume, is_over, log)
    own(generation)
    return found


def _begin(
    run: str,
    strategy: Strategy,
    spec: FanoutSpec,
    target: ResultFolder,
    options: Options,
    chunks: int | None,
    resume: bool,
    is_over: Callable[[Path], bool],
    log: Callable[[str], object],
) -> Begun:
    usage, began = own_usage(), time.time()
    basis = Basis.of(spec)
    identity = identity_of(strategy, spec, basis, chunks, options)
    generation = target.share(run, is_over, identity if resume else None, log, claim=own)
    finished = finished_before(generation, identity, log)
    items = sum(one.part.items for one in finished)
    found = Begun(run, basis, identity, began, time.time(), usage, len(finished), items)
    found.save(generation)
    return found
