"""What the step of a fan-out's asset does: a run of the engine for each partition, and what Dagster is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import dagster as dg

from fanout_pipeline.defs.config.data_folder import require_apart, working_directory
from fanout_pipeline.defs.guest.checks import check_results
from fanout_pipeline.defs.guest.data_version import version_of
from fanout_pipeline.defs.guest.handed_over import handed_over
from fanout_pipeline.defs.guest.recorded import Done, metadata_of
from fanout_pipeline.defs.guest.run_config import asked_of, chosen_options
from fanout_pipeline.defs.guest.upstream import Upstream
from fanout_pipeline.engine.crews import OpenCrew, open_crew
from fanout_pipeline.engine.model.errors import BudgetSpent
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.registry import AUTO, RUNNABLE
from fanout_pipeline.engine.system.storage import where_kept
from fanout_pipeline.results.files.place import data_root, place, require_own_place
from fanout_pipeline.results.files.printable import printable
from fanout_pipeline.sources.source import Source

_RECORDED = {"__source_asset_observation__": True}
"""Metadata of an output of whose asset Dagster records nothing more, because the step has done so.

Dagster marks with it what its own observations yield. Without it each partition would be recorded again at the end of
the step, also one that an earlier run has materialized: docs/decisions/partitions.md.
"""

_GOES_ON = {"dagster/is_resume_retry", "dagster/is_asset_resume_retry"}
"""Tags of a run that was launched to do what its parent has not done; without, it is to do all of it again."""
_PARENT = "dagster/parent_run_id"


@dataclass(frozen=True, eq=False)
class Guest:
    """A fan-out that is one asset of somebody's project."""

    key: dg.AssetKey
    """The asset's key."""
    spec: FanoutSpec
    """What is called. Its source is that of `over`, or has no items where that is known in a run only."""
    over: Source | Upstream | Callable[[str], Source]
    """Where the items come from: a source, one for each partition's key, or another asset."""
    options: Options
    """How it is run, if run config says nothing else."""
    partitions_def: dg.PartitionsDefinition[str] | None
    """The asset's partitions."""
    resources: Mapping[str, str]
    """The keys under which Dagster has the resources that `setup` is given, by their names there."""
    verifies: bool
    """Whether the asset has a check of its values."""
    hands_over: bool
    """Whether results go on to the project's own IO manager."""

    def source(
        self, partition: str | None, loaded: Mapping[str, Any], *, several: bool = False
    ) -> Source:
        """The source of one partition, perhaps of `several` in the step. `loaded`: what the step's inputs hold."""
        if isinstance(self.over, Upstream):
            (value,) = loaded.values()
            return self.over.source(value, self.spec.keep, partition if several else None)
        if partition is None:
            return self.spec.source
        if not isinstance(self.over, Source):
            return self.over(partition)
        key = getattr(self.partitions_def, "get_partition_key_from_str", None)
        return self.over.at(partition, key(partition).keys_by_dimension if key else None)


class Step:
    """One step of a fan-out's asset, which works through one partition or several, or has none."""

    def __init__(
        self,
        guest: Guest,
        context: dg.AssetExecutionContext,
        config: Any,
        loaded: Mapping[str, Any],
    ):
        self._guest = guest
        self._context = context
        self._config = config
        self._loaded = loaded
        self._options = chosen_options(config, guest.options)
        self._strategy = RUNNABLE[self._options.strategy or AUTO]
        self._root = data_root(context.instance.storage_directory())

    def run(self) -> Iterator[Any]:
        """Do what is asked for; yields what Dagster is to record."""
        partitioned = self._context.has_partition_key or self._context.has_partition_key_range
        keys = list(self._context.partition_keys) if partitioned else []
        before: list[str] = []
        if len(keys) > 1:
            done = self._one_after_the_other(keys, before)
            yield self._output(done, _RECORDED)
        else:
            one = self._done(*keys)
            done = [one]
            yield self._output(done, self._metadata(one), self._version(one))
        share, verifies = self._config.failed_share, self._guest.verifies
        folders = {one: place(self._root, self._guest.key.path, one) for one in before}
        key, keyed = self._guest.key, self._guest.spec.key is not None
        yield from check_results(key, done, share, verifies, keyed, folders, self._root)

    def _one_after_the_other(self, keys: Sequence[str], before: list[str]) -> list[Done]:
        """Work through several partitions. Each is recorded once it is visible, whatever happens to the others.

        Those that are found done are added to `before`. Raises Failure, which names the partitions that failed.
        """
        context, key = self._context, self._guest.key
        again = self._materialized_before().issuperset(keys)  # It is not for what is missing.
        done, errors = [], dict[str, Exception]()
        with open_crew(self._strategy, self._options) as crew:
            for partition in keys:
                if not again and partition in self._materialized_before():
                    context.log.info(
                        f"{partition} was materialized before this run was begun again"
                    )
                    before.append(partition)
                    continue
                try:
                    one = self._done(partition, crew)
                except Exception as why:
                    context.log.exception(f"{partition} failed")
                    errors[partition] = why
                    if isinstance(why, BudgetSpent):
                        break
                    continue
                done.append(one)
                context.log_event(
                    dg.AssetMaterialization(
                        key,
                        partition=partition,
                        metadata=self._metadata(one),
                        tags=self._tags(one),
                    )
                )
        if errors:
            first, error = next(iter(errors.items()))
            names = ", ".join(errors)
            raise dg.Failure(
                f"{len(errors)} of {len(keys)} partitions failed: {printable(names, 1000)}. The others are "
                f"materialized; run again for these. {first}: {type(error).__name__}: {error}",
                allow_retries=True,
            ) from error
        return done

    def _metadata(self, done: Done) -> dict[str, Any]:
        return metadata_of(done, self._root, self._context.log)

    def _version(self, done: Done) -> dg.DataVersion:
        return dg.DataVersion(version_of(done, self._context.log))

    def _tags(self, done: Done) -> dict[str, str]:
        """What Dagster's own events of materializations have, so that it sees what is out of date.

        With versions of the code it compares versions of what is upstream, which are not known here: without, times.
        """
        asset = self._context.assets_def.get_asset_spec(self._guest.key)
        tags = {"dagster/data_version": self._version(done).value}
        if asset.code_version and not list(asset.deps):
            tags["dagster/code_version"] = asset.code_version
        return tags

    def _materialized_before(self) -> set[str]:
        """The partitions that this run, or those that it goes on with, have recorded until now."""
        context, found = self._context, set[Any]()
        runs: list[dg.DagsterRun] = [context.run]
        while not _GOES_ON.isdisjoint(runs[-1].tags):
            parent = context.instance.get_run_by_id(runs[-1].tags.get(_PARENT, ""))
            if parent is None:
                break
            runs.append(parent)
        for run in runs:
            records = context.instance.get_records_for_run(
                run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
            ).records
            for record in records:
                materialization = record.asset_materialization
                if materialization is not None and materialization.asset_key == self._guest.key:
                    found.add(materialization.partition)
        return found

    def _done(self, partition: str | None = None, crew: OpenCrew | None = None) -> Done:
        """Run one partition, and check what has become visible."""
        from fanout_pipeline.engine.run import run_strategy
        from fanout_pipeline.measuring.correctness.verification import verify

        guest, context, options = self._guest, self._context, self._options
        folder = place(self._root, guest.key.path, partition)
        require_own_place(self._root, folder)
        spec = self._located(guest.source(partition, self._loaded, several=crew is not None))
        require_apart(spec, folder, place(self._root, guest.key.path))
        log = _log_to(context.log, partition)
        kept = where_kept(folder)
        log(f"{f'Warning: {kept}. ' if kept else ''}Results are kept in {folder}")
        who = f"run {context.run.run_id}"
        how = {"ledger": True, "resume": self._config.resume, "crew": crew, "who": who}
        how["asked"] = asked_of(self._config)
        run = run_strategy(self._strategy, spec, folder, options, log=log, **how)
        log(f"{run.items:,} items in {run.wall_seconds:.3f} s by {run.strategy}")
        if run.failed:
            context.log.warning(f"{run.failed:,} of {run.items:,} items failed")
        try:
            found = verify(spec, folder, run, options.failures, share=options.verify, log=log)
        except Exception as error:
            first_line = printable(str(error).partition("\n")[0])
            why = f"They could not be checked: {type(error).__name__}: {first_line}"
            context.log.exception(f"The results are visible. {why}")
            return Done(partition, folder, run, None, why, preview=options.record_items)
        return Done(partition, folder, run, found, preview=options.record_items)

    def _located(self, source: Source) -> FanoutSpec:
        """The spec of one run: its source lies under the data root, and its setup has its resources."""
        guest, context = self._guest, self._context
        spec, folder = guest.spec, working_directory(context.run)
        path = spec.import_path
        return replace(
            spec,
            source=source.under(self._root),
            import_path=path if folder is None or folder in path else (folder, *path),
            resources={
                name: getattr(context.resources, key) for name, key in guest.resources.items()
            },
        )

    def _output(
        self, several: Sequence[Done], metadata: Any = None, version: dg.DataVersion | None = None
    ) -> Any:
        """The one output of the step."""
        if not self._guest.hands_over:
            return dg.MaterializeResult(metadata=metadata, data_version=version)
        value = handed_over(several, self._context.op_def.output_dict["result"].dagster_type)
        return dg.Output(value, metadata=metadata, data_version=version)


def _log_to(logger: Any, partition: str | None) -> Callable[[str], object]:
    prefix = "" if partition is None else f"{partition}: "
    return lambda line: (logger.warning if "Warning: " in line else logger.info)(prefix + line)
