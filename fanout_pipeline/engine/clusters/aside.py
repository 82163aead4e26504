"""Parts are written aside by workers of a cluster, and get their names here once their answer has come.

A worker that was given up may be alive, beyond a cut network: what it writes has a name that nobody reads.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import BinaryIO

from fanout_pipeline.results.store.generation import Generation
from fanout_pipeline.results.store.local_generation import LocalGeneration
from fanout_pipeline.results.store.manifest import PartRecord, failed_name, part_name

_ASIDE = {"part-": "_part-aside-", "_failed-": "_failed-aside-"}
"""What the names of files begin with. A commit removes those that are left; so does `PartCollector.discard`."""


class AsideGeneration(LocalGeneration):
    """The generation as workers write to it."""

    def writing(self, name: str, *, durable: bool = False) -> AbstractContextManager[BinaryIO]:
        return LocalGeneration(self.path).writing(_aside(name), durable=durable)


def _aside(name: str) -> str:
    for prefix, other in _ASIDE.items():
        if name.startswith(prefix):
            return other + name.removeprefix(prefix)
    return name


def accept(generation: Generation, part: PartRecord) -> None:
    """A part, and the list of its failed items, get the names under which they are read."""
    for name in (part_name(part.number), *([failed_name(part.number)] if part.failed else [])):
        generation.rename(_aside(name), name)
