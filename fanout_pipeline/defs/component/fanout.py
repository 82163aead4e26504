"""`fanout_pipeline.Fanout`: one fan-out as a component of `dg`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal

import dagster as dg
from dagster.components.resolved.core_models import OpSpec, ResolvedAssetAttributes
from pydantic import BaseModel, Field

from fanout_pipeline.defs.component.options import OptionsModel, options_of
from fanout_pipeline.defs.component.over import Over, named, over_of
from fanout_pipeline.defs.guest.asset import fanout_asset
from fanout_pipeline.defs.guest.upstream import Upstream
from fanout_pipeline.engine.model.changes import Removed
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.sources.source import Source


def _named(context: dg.ResolutionContext, text: str | None) -> Any:
    """What a field names of Python's."""
    return None if text is None else named(str(context.resolve_value(text)))


class FanoutParams(BaseModel):
    """What `dg scaffold defs fanout_pipeline.Fanout` asks for."""

    over: str = Field(
        default="parquet:items.parquet",
        description="Where items come from: a kind and what it names, as in parquet:raw/orders.parquet, "
        "files:inbox/*.json or upstream:orders.",
    )
    function: str = Field(
        default="functions.call",
        description="The function, by its dotted name, as in scoring.score.",
    )


class FanoutScaffolder(dg.Scaffolder[FanoutParams]):
    """Writes a folder with a defs.yaml that can be run as it is, once the function and the input are there."""

    @classmethod
    def get_scaffold_params(cls) -> type[FanoutParams]:
        return FanoutParams

    def scaffold(self, request: dg.ScaffoldRequest[FanoutParams]) -> None:
        kind, _, rest = request.params.over.partition(":")
        kind = kind.replace("-", "_")
        fields = Over.model_fields
        if kind not in fields or not rest:
            raise ValueError(
                f"--over {request.params.over}: write one of {', '.join(fields)}, a colon, and what it names"
            )
        first = {"upstream": "asset", "sql": "query"}.get(kind, "path")
        over = {first: rest} | ({"connection": "env:DATABASE_URL"} if kind == "sql" else {})
        attributes = {
            "name": request.target_path.name,
            "function": request.params.function,
            "over": {kind: over},
        }
        dg.scaffold_component(request, attributes)


@dg.scaffold_with(FanoutScaffolder)
@dataclass(kw_only=True)
class Fanout(dg.Component, dg.Resolvable):
    """One asset: a function, called with each item of a source or of another asset, in the order of the items."""

    name: Annotated[str, dg.Resolver.default(description="The asset's name.")]
    function: Annotated[
        Callable[..., Any],
        dg.Resolver(
            _named,
            model_field_type=str,
            description="The function, by its dotted name, as in scoring.score.",
        ),
    ]
    over: Annotated[
        Source | Upstream,
        dg.Resolver(over_of, model_field_type=Over, description="Where the items come from."),
    ]
    key_prefix: Annotated[
        list[str] | str | None, dg.Resolver.default(description="What the asset's key begins with.")
    ] = None
    key: Annotated[
        str | None,
        dg.Resolver.default(
            description="What identifies an item from run to run: a column, path of files, or item. Runs then call "
            "only what is new, has changed or had failed."
        ),
    ] = None
    duplicates: Annotated[
        Literal["error", "once"],
        dg.Resolver.default(
            description="What items of the same key are: an error, or all but the first are left out (once)."
        ),
    ] = "error"
    removed: Annotated[
        Removed,
        dg.Resolver.default(
            description="Whether results whose items are no longer in the input go (drop), or stay (keep)."
        ),
    ] = "drop"
    keep: Annotated[
        Sequence[str],
        dg.Resolver.default(description="Columns of the input to keep beside the results."),
    ] = ()
    unpack: Annotated[
        bool, dg.Resolver.default(description="Whether fields of dicts are columns of their own.")
    ] = True
    batch_function: Annotated[
        Any,
        dg.Resolver(
            _named,
            model_field_type=str | None,
            description="The function for whole batches, by its dotted name.",
        ),
    ] = None
    result_type: Annotated[
        Any,
        dg.Resolver(
            _named,
            model_field_type=str | None,
            description="The type of each result, by its dotted name.",
        ),
    ] = None
    setup: Annotated[
        Any,
        dg.Resolver(
            _named,
            model_field_type=str | None,
            description="What makes, once a worker, the function's second argument, by its dotted name.",
        ),
    ] = None
    resources: Annotated[
        Sequence[str],
        dg.Resolver.default(description="The project's resources that setup is given."),
    ] = ()
    thread_safe: Annotated[
        bool,
        dg.Resolver.default(description="Whether several threads may call the function at once."),
    ] = False
    depends_on: Annotated[
        Sequence[str],
        dg.Resolver.default(
            description="What the function reads besides: paths, env:NAME, package:NAME."
        ),
    ] = ()
    code_version: Annotated[
        str | None, dg.Resolver.default(description="What stands for the function's code.")
    ] = None
    tolerance: Annotated[
        float, dg.Resolver.default(description="The largest relative difference of equal floats.")
    ] = 1e-9
    failed_share: Annotated[
        float,
        dg.Resolver.default(
            description="Beyond this share failed items are an error of the check."
        ),
    ] = 0.05
    blocking: Annotated[
        bool, dg.Resolver.default(description="Whether that keeps downstream assets from running.")
    ] = False
    io_manager_key: Annotated[
        str | None, dg.Resolver.default(description="The IO manager that results are handed to.")
    ] = None
    options: Annotated[
        Options,
        dg.Resolver(options_of, model_field_type=OptionsModel, description="How calls are made."),
    ] = field(default_factory=Options)
    asset: ResolvedAssetAttributes = field(default_factory=dict)
    op: OpSpec | None = None

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return dg.Definitions(assets=[self.made()])

    def made(self) -> dg.AssetsDefinition:
        """The asset."""
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        said, op = dict(given.pop("asset")), given.pop("op")
        if op is not None:
            said |= {"pool": op.pool, "op_tags": op.tags, "backfill_policy": op.backfill_policy}
        if "kinds" in said:
            said["kinds"] = set(said["kinds"])
        made: dg.AssetsDefinition = fanout_asset(given.pop("function"), **given, **said)
        return made
