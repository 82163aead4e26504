"""Where the assets of a comparison find what they need: the example and labs differ in nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from fanout_pipeline.defs.config.data_folder import DataFolder
from fanout_pipeline.defs.config.resources import Fanout
from fanout_pipeline.defs.shared.json_io_manager import IO_MANAGER
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.results.files.place import data_root


class Subject(Protocol):
    """What a comparison is of, where its definitions do not know all of that."""

    def completed(self, spec: FanoutSpec, calls: Any, context: Any) -> FanoutSpec:
        """The spec of a run, from that of the definitions, the resource and the step's context."""

    def folder(self, calls: Any) -> str | None:
        """The folder in the data root that a run is to read and write in; None for the root itself."""

    def pinned(self, calls: Any, context: Any) -> dict[str, Any]:
        """Config of the resource by which another run has the same input."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """The keys under which a code location has the resources of some assets, and what these are told in a run."""

    calls_key: str = "fanout"
    """That of the resource that says how calls are made, a `Fanout`."""
    folder_key: str | None = "data_folder"
    """That of the data root, a `DataFolder`. None: it is where fan-outs of any project have theirs."""
    values_key: str = IO_MANAGER
    """That of the IO manager of chunk steps, which stores JSON."""
    io_manager_key: str | None = None
    """That of the IO manager of assets, which have no values. None: the location's default."""
    other_keys: frozenset[str] = frozenset()
    """Those of resources that `setup` is given."""
    subject: Subject | None = None
    """What is known in a run only, if anything."""

    @property
    def required(self) -> set[str]:
        """The keys of all resources that a step asks for."""
        return {self.calls_key, *self.other_keys, *filter(None, [self.folder_key])}

    def calls(self, context: Any) -> Fanout:
        """How calls are made in a step."""
        found: Fanout = getattr(context.resources, self.calls_key)
        return found

    def folder(self, context: Any) -> DataFolder:
        """The data root of a step."""
        if self.folder_key is not None:
            found: DataFolder = getattr(context.resources, self.folder_key)
            return found
        folder = None if self.subject is None else self.subject.folder(self.calls(context))
        deployed = str(data_root(context.instance.storage_directory()))
        return DataFolder.inside(deployed, folder, context.run)

    def pinned(self, context: Any) -> dict[str, Any]:
        """Config of that resource by which another run has the same input."""
        return {} if self.subject is None else self.subject.pinned(self.calls(context), context)

    def resources_in(self, folder: Path, calls: dict[str, Any]) -> dict[str, Any]:
        """Run config of the resources, for a run that reads and writes in a folder of the data root."""
        if self.folder_key is None:
            found = {self.calls_key: calls | {"root": str(folder)}}
        else:
            found = {self.calls_key: calls, self.folder_key: {"root": str(folder)}}
        return {key: {"config": config} for key, config in found.items()}

    def located(self, context: Any, spec: FanoutSpec) -> FanoutSpec:
        """The spec of a step: its source lies under the data root, and its setup has its resources."""
        if self.subject is not None:
            spec = self.subject.completed(spec, self.calls(context), context)
        return self.folder(context).located(spec)


EXAMPLE = Wiring()
"""Resources `fanout` and `data_folder`, which the code location has."""
