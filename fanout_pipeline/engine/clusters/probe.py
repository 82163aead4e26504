"""What each process on a cluster looks at before it has work: whether it sees the same files as the run does."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from fanout_pipeline.engine.model.errors import ClusterFailed, picklable
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.results.files import no_links
from fanout_pipeline.results.files.atomic import CannotWrite, write_text
from fanout_pipeline.results.store.ledger import SCRATCH
from fanout_pipeline.sources.source import Chunk, Source


class Probe(NamedTuple):
    """Sent to a process before the work is, which calls it: see `workers.main`."""

    file: Path | None
    """A file that this run has written where the parts of its results, its spool or its limits are."""
    contents: str
    source: Source | None
    size: int
    """The size of the source, as this process sees it."""

    def __call__(self, send: Callable[[Any], object]) -> None:
        try:
            self._look()
        except Exception as error:
            send(picklable(error))
        else:
            send(None)

    def _look(self) -> None:
        host = socket.gethostname()
        if self.file is not None:
            found = ""
            try:
                found = self.file.read_text()
                own = self.file.with_name(f"{self.file.name}-{uuid.uuid4().hex}")
                write_text(own, "", durable=False)
                no_links.unlink(own)
            except (OSError, CannotWrite) as error:
                raise ClusterFailed(
                    f"A worker of the cluster, on {host}, cannot {'write to' if found else 'see'} {self.file.parent} "
                    f"({getattr(error, 'strerror', error)}): results, and what is spooled, must be in a folder that all hosts share "
                    "under the same path. Name one as folder=, or have the data root on such a disk."
                ) from None
            if found != self.contents:
                raise ClusterFailed(
                    f"A worker of the cluster, on {host}, sees another {self.file.parent} than this process does: "
                    "the folder must be on a disk that all hosts share."
                )
        if self.source is not None:
            try:
                size = self.source.version().size
            except Exception as error:
                raise ClusterFailed(
                    f"A worker of the cluster, on {host}, which works in {os.getcwd()}, cannot read the input: {error}. "
                    "It must be where all hosts find it, under the same path."
                ) from None
            if size != self.size:
                raise ClusterFailed(
                    f"A worker of the cluster, on {host}, sees another input than this process does: its size is {size:,} "
                    f"there, {self.size:,} here. It must be on a disk that all hosts share."
                )


@contextmanager
def probing(work: Work) -> Iterator[Probe]:
    """For the block, a probe of what the work reads and writes."""
    folder = _folder(work)
    contents = uuid.uuid4().hex
    file = None if folder is None else folder / f"{SCRATCH}-probe-{contents}"
    source, size = None, 0
    if work.spooled is None and work.seen is not None and work.source.sent(Chunk(0, 0, 0)) is None:
        source, size = work.source, work.seen.source.size
    if file is not None:
        write_text(file, contents, durable=False)
    try:
        yield Probe(file, contents, source, size)
    finally:
        if file is not None:
            no_links.unlink(file)


def _folder(work: Work) -> Path | None:
    """A folder that workers must see; None where there is none."""
    if not work.generation.in_memory:
        return work.generation.local
    if work.limits is not None:
        return Path(work.limits.path).parent
    return getattr(work.generation, "local", None) if work.arrivals is not None else None
