"""What a deployment sets: where the data is, and how much to fan out."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Optional, Self, TypeAlias, cast

import dagster as dg
from dagster._core.definitions.definition_config_schema import DefinitionConfigSchema
from pydantic import Field, PrivateAttr

from fanout_pipeline.defs.bounds import Chunks, Concurrency, Workers
from fanout_pipeline.defs.data_root import RootType, default_root, require_inside, value_of
from fanout_pipeline.fanout.contract import FanoutSpec, Options
from fanout_pipeline.fanout.cores import effective_cores

if TYPE_CHECKING:
    Root: TypeAlias = str
else:
    Root = RootType()


class DataFolder(dg.ConfigurableResource[Any]):
    """The folder that everything is read from and written to.

    Code chooses it freely. Run config may choose a folder in it, and is refused otherwise.
    """

    root: Root = Field(
        default="data",
        description="Data root: in run config, a folder in the one that was deployed (environment "
        "variable FANOUT_DATA, else `data`). Relative to the folder that Dagster was started in.",
    )
    _deployed: str = PrivateAttr()

    def __init__(self, **fields: Any):
        super().__init__(**fields)
        self._deployed = self.root
        # What Dagster checks run config against, wherever this instance is a resource.
        state = self._state__internal__
        declared: Any = state.schema.config_type
        described = declared.fields["root"].description
        root = state.resolved_config_dict.get("root", self.root)
        field = dg.Field(RootType(self.root), default_value=root, description=described)
        schema = DefinitionConfigSchema(dg.Field({"root": field}, default_value={"root": root}))
        self._state__internal__ = state._replace(config_schema=schema)

    def _with_updated_values(self, values: Mapping[str, Any] | None) -> Self:
        """How Dagster makes the resource of a step from the deployed one and run config."""
        changed: Any = super()._with_updated_values(values)
        changed._deployed = self._deployed  # noqa: SLF001
        # Once more, for links may have been made since the run was created.
        require_inside(value_of(changed.root), value_of(self._deployed))
        return cast(Self, changed)

    def path(self, *names: str) -> Path:
        """A path under the root. Raises OutsideDataRoot where it leads out of the deployed one."""
        path = Path(self.root, *names)
        require_inside(path, value_of(self._deployed))
        return path

    def placed(self, spec: FanoutSpec) -> FanoutSpec:
        """The fan-out with its source under the root.

        Raises OutsideDataRoot where a link leads its source out of the deployed one. An absolute path
        is the choice of whoever wrote the fan-out.
        """
        here = spec.under(self.path())
        if not Path(spec.source.path).is_absolute():
            require_inside(here.source.path, value_of(self._deployed))
        return here


class Fanout(dg.ConfigurableResource[Any]):
    """How much to fan out. The defaults suit the machine that the run is on."""

    workers: Optional[Workers] = Field(  # noqa: UP045 (the type is an object, which has no |)
        default=None,
        description="Workers of each strategy. Default: the effective cores, the least of CPU "
        "affinity, cgroup quota and the environment variable FANOUT_WORKERS.",
    )
    chunks: Optional[Chunks] = Field(  # noqa: UP045
        default=None,
        description="Chunks to cut the source into, exactly. Default: chosen while the run goes "
        "on, by measured time, at most 2 MiB each (dagster_multiprocess: two a worker, 8 MiB, as "
        "each is a step).",
    )
    start_method: Literal["forkserver", "spawn"] = Field(
        default="forkserver",
        description="How queue, indexed_queue and pool_map start their processes. Not fork: a "
        "step's process has threads.",
    )

    concurrency: Concurrency = Field(
        default=100,
        description="Calls of an async function that asyncio has in flight at a time, at most. As "
        "many as what they call bears: connections of a client, open files, a rate limit.",
    )

    def options(self) -> Options:
        return Options(
            self.workers or effective_cores(), self.start_method, concurrency=self.concurrency
        )


def default_resources() -> dict[str, dg.ConfigurableResource[Any]]:
    """The resources by the names that assets and run config use."""
    return {
        "data_folder": DataFolder(root=default_root()),
        "fanout": Fanout(),
    }
