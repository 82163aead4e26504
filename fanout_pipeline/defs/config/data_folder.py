"""The resource `data_folder`: where a code location reads and writes."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias, cast

import dagster as dg

# A resource's config schema comes from its class. Here it depends on the root that the instance was
# made with, for which Dagster has nothing public.
from dagster._core.definitions.definition_config_schema import DefinitionConfigSchema
from pydantic import Field, PrivateAttr

from fanout_pipeline.defs.config.bounds import ResolvedText
from fanout_pipeline.defs.config.data_root import default_root, folder_in, require_inside
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.registry import REFERENCE
from fanout_pipeline.sources.files import stands_for
from fanout_pipeline.sources.source import BadInput
from fanout_pipeline.sources.url import path_of


def _root_type(deployed: str | None = None) -> ResolvedText:
    """The config type of a folder in the deployed root; None: in the one that the environment names."""
    key = "DataRoot"
    if deployed is not None:  # two roots in one code location are two types
        key += f"_{hashlib.sha256(os.fsencode(deployed)).hexdigest()[:12]}"

    def resolve(path: str) -> str:
        return folder_in(default_root() if deployed is None else _value(deployed), path)

    return ResolvedText(key, resolve, refusal="names no path in the data root")


def _value(root: str) -> str:
    """The root itself where it is given as the name of an environment variable (`dagster.EnvVar`)."""
    if isinstance(root, dg.EnvVar):
        return root.get_value() or ""
    return root


if TYPE_CHECKING:
    Root: TypeAlias = str
else:
    Root = _root_type()


class DataFolder(dg.ConfigurableResource[Any]):
    """The folder in which everything is read and written.

    Code chooses it freely. Run config may only choose a folder inside it.
    """

    root: Root = Field(
        default="data",
        description="Data root. In run config, a folder in the deployed root (environment variable "
        "FANOUT_DATA, else `data` in the folder in which Dagster was started), relative to that root or "
        "absolute.",
    )
    _deployed: str = PrivateAttr()
    _working_directory: str | None = PrivateAttr(None)

    def __init__(self, **fields: Any):
        super().__init__(**fields)
        self._deployed = self.root
        self._bound_run_config()

    @classmethod
    def inside(cls, deployed: str, folder: str | None, run: dg.DagsterRun | None) -> Self:
        """For a step of that run: a folder in the deployed root, or the root itself. Raises OutsideDataRoot."""
        made = cls(root=deployed if folder is None else folder_in(deployed, folder))
        made._deployed = deployed
        made._working_directory = working_directory(run)
        return made

    def _bound_run_config(self) -> None:
        """Have Dagster check run config against this instance's root, wherever it is a resource."""
        state = self._state__internal__
        declared: Any = state.schema.config_type
        description = declared.fields["root"].description
        root = state.resolved_config_dict.get("root", self.root)
        field = dg.Field(_root_type(self.root), default_value=root, description=description)
        schema = DefinitionConfigSchema(dg.Field({"root": field}, default_value={"root": root}))
        self._state__internal__ = state._replace(config_schema=schema)

    def _with_updated_values(self, values: Mapping[str, Any] | None) -> Self:
        """How Dagster makes a step's resource from the deployed one and run config."""
        changed: Any = super()._with_updated_values(values)
        changed._deployed = self._deployed  # noqa: SLF001
        # Checked again, because links may have been made since the run was created.
        require_inside(_value(changed.root), _value(self._deployed))
        return cast(Self, changed)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        self._working_directory = working_directory(context.run)

    def path(self, *names: str) -> Path:
        """A path under the root. Raises OutsideDataRoot where it leads out of the deployed root.

        The root may be a link, which is resolved here; nothing is written through a link below it.
        """
        path = Path(os.path.realpath(self.root), *names)
        require_inside(path, _value(self._deployed))
        return path

    def located(self, spec: FanoutSpec) -> FanoutSpec:
        """The spec with its source under the root, and with the folder that its modules are imported from.

        Raises OutsideDataRoot where a link leads the source out of the deployed root. An absolute path
        is accepted: it was chosen by whoever wrote the spec.
        """
        located_spec = spec.under(self.path())
        path = path_of(spec.source)
        if path is not None and not Path(path).is_absolute():
            require_inside(path_of(located_spec.source) or "", _value(self._deployed))
        require_apart(located_spec, self.path(spec.name, REFERENCE))
        # A spec that is made after Dagster has loaded the module (`@dg.definitions`) lacks the folder.
        folder = self._working_directory
        if folder is None or folder in located_spec.import_path:
            return located_spec
        return replace(located_spec, import_path=(folder, *located_spec.import_path))


def require_apart(spec: FanoutSpec, folder: Path, home: Path | None = None) -> None:
    """Raise BadInput where results in `folder` would lie among the files of the input: they would be read next.

    Nor may the input lie in `home`, the folder of an asset's results, which are replaced.
    """
    path = path_of(spec.source)
    part = str(folder / "part-00000.parquet")
    source = getattr(spec.source, "source", spec.source)  # of a sample
    below = getattr(source, "recursive", True)  # else `Files` reads none but what it names
    if path is None:
        return
    if home is not None and Path(os.path.normpath(path)).is_relative_to(home):
        raise BadInput(
            f"The input {path} lies in {home}, where results of {spec.name} are kept. Give the fan-out another name, or "
            "move the input to a folder of its own."
        )
    if below and stands_for(os.path.normpath(path), part):
        raise BadInput(
            f"The results of {spec.name} would be written to {folder}, which lies in the input, {path}. "
            "Give the fan-out another name, or move the input to a folder of its own."
        )


def working_directory(run: dg.DagsterRun | None) -> str | None:
    """The folder that Dagster has on `sys.path` while it loads a run's definitions, if any."""
    origin = run.job_code_origin if run is not None else None
    pointer = origin.repository_origin.code_pointer if origin is not None else None
    folder = getattr(pointer, "working_directory", None)
    return None if folder is None else os.path.join(os.getcwd(), folder)
