"""`fanout_lab`: the comparison of a production fan-out, on a sample, beside it and never in its way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Optional

import dagster as dg
from pydantic import Field

from fanout_pipeline.defs.config.resources import Fanout
from fanout_pipeline.defs.config.wiring import Wiring
from fanout_pipeline.defs.guest.asset import fanout_of
from fanout_pipeline.defs.guest.step import Guest
from fanout_pipeline.defs.guest.upstream import Upstream
from fanout_pipeline.defs.lab.factory import fanout_assets
from fanout_pipeline.defs.lab.jobs import fanout_jobs
from fanout_pipeline.defs.shared.json_io_manager import json_io_manager
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.sources.sample import Sample
from fanout_pipeline.sources.source import Source

_VALUES = "fanout_lab_values"
"""Key of the IO manager of labs, which all have the same."""


class LabCalls(Fanout):
    """How a lab calls its function: as the asset does that it is of, unless run config says otherwise."""

    partition: Optional[str] = Field(  # noqa: UP045 (the type is an object, which has no |)
        default=None, description="Key of the partition to measure with. Default: the latest."
    )
    root: Optional[str] = Field(  # noqa: UP045
        default=None, description="A folder in the data root to measure in. Default: the data root."
    )


def fanout_lab(
    asset: dg.AssetsDefinition | FanoutSpec,
    *,
    sample: int | None = 10_000,
    how: Literal["head", "spread"] = "head",
    partition: str | None = None,
    baselines: bool = True,
    pool: str | None = None,
    cron_schedule: str | None = None,
) -> dg.Definitions:
    """Definitions of the comparison of a fan-out, to be merged with a project's: an asset a strategy, and a report.

    `asset` is one of `fanout_asset`, or a spec. Its strategies are compared on a `sample` of its input, the first
    items or some that are spread over it (`how`), or on all of it where that is None; of one `partition`, the latest
    by default. Everything is called `<name>_lab`: the assets' prefix and group, the jobs `<name>_lab_comparison_job` and
    `<name>_lab_break_even_job`, the resource, the folder under the data root. The asset itself is neither run nor
    recorded. `cron_schedule` adds a schedule of the comparison, which is stopped at first.
    """
    subject = _Subject.of(asset, partition)
    if sample is not None:
        subject = replace(subject, sample=sample, how=how)
    name = f"{subject.spec.name}_lab"
    wiring = Wiring(
        calls_key=name,
        folder_key=None,
        values_key=_VALUES,
        io_manager_key=_VALUES,
        other_keys=frozenset(subject.resources.values()),
        subject=subject,
    )
    # Each run of a lab calls everything: it has no key.
    subject = replace(subject, spec=replace(subject.spec, key=None, duplicates="error"))
    spec = replace(subject.spec, name=name, source=subject.sampled(subject.spec.source))
    assets = fanout_assets(
        spec, baselines=baselines, pool=pool, options=subject.options, wiring=wiring
    )
    jobs = fanout_jobs(name)
    schedules = []
    if cron_schedule is not None:
        text = f"Compares the strategies of {subject.spec.name}, so that the UI plots how times change."
        schedule = dg.ScheduleDefinition(
            name=f"{name}_schedule", job=jobs[0], cron_schedule=cron_schedule, description=text
        )
        schedules.append(schedule)
    return dg.Definitions(
        assets=[_bound(one, subject.bound) for one in assets],
        jobs=jobs,
        schedules=schedules,
        resources={name: _calls(subject.options, partition), _VALUES: json_io_manager},
    )


@dataclass(frozen=True, eq=False)
class _Subject:
    """What a lab is of."""

    spec: FanoutSpec
    options: Options
    """How the asset is run."""
    guest: Guest | None = None
    """The asset, unless the lab is of a spec."""
    bound: Mapping[str, Any] | None = None
    """Resources that belong to the asset, by their keys."""
    sample: int | None = None
    how: Literal["head", "spread"] = "head"

    @classmethod
    def of(cls, asset: Any, partition: str | None) -> _Subject:
        """Raises TypeError or ValueError for what has no items that a lab could get at."""
        if isinstance(asset, FanoutSpec):
            if asset.source.placeholders and partition is None:
                raise ValueError(
                    f"{asset.source} names a partition: give its key, partition=, or the asset of fanout_asset."
                )
            return cls(asset, Options())
        guest = fanout_of(asset) if isinstance(asset, dg.AssetsDefinition) else None
        if guest is None:
            raise TypeError(
                f"fanout_lab takes an asset of fanout_asset, or a FanoutSpec, not {type(asset).__name__}."
            )
        key = guest.key.to_user_string()
        if isinstance(guest.over, Upstream):
            raise ValueError(
                f"The items of {key} are the value of the asset {guest.over.key.to_user_string()}, which only its "
                "IO manager can load. Write a sample of it to a file, and give fanout_lab a FanoutSpec over that."
            )
        if partition is not None and guest.partitions_def is None:
            raise ValueError(f"{key} has no partitions: leave out partition={partition!r}.")
        bound = {
            one: asset.resource_defs[one]
            for one in guest.resources.values()
            if one in asset.resource_defs
        }
        return cls(guest.spec, guest.options, guest, bound)

    @property
    def resources(self) -> Mapping[str, str]:
        """The keys of the resources that `setup` is given, by their names there."""
        return {} if self.guest is None else self.guest.resources

    def sampled(self, source: Source) -> Source:
        return source if self.sample is None else Sample(source, self.sample, self.how)

    def completed(self, spec: FanoutSpec, calls: Any, context: Any) -> FanoutSpec:
        partition, guest, source = self._partition(calls, context), self.guest, self.spec.source
        if guest is not None:
            source = guest.source(partition, {})
        elif partition is not None:
            source = source.at(partition)
        resources = {name: getattr(context.resources, key) for name, key in self.resources.items()}
        return replace(spec, source=self.sampled(source), resources=resources or spec.resources)

    def folder(self, calls: Any) -> str | None:
        folder: str | None = calls.root
        return folder

    def pinned(self, calls: Any, context: Any) -> dict[str, Any]:
        return {"partition": self._partition(calls, context)}

    def _partition(self, calls: LabCalls, context: Any) -> str | None:
        """The key of the partition to measure with; None where there are none. Raises Failure for none yet."""
        partitions = None if self.guest is None else self.guest.partitions_def
        if calls.partition is not None or partitions is None:
            return calls.partition
        keys = partitions.get_partition_keys(dynamic_partitions_store=context.instance)
        if not keys:
            raise dg.Failure(f"{self.spec.name} has no partition yet to measure with: add one.")
        return keys[-1]


def _calls(options: Options, partition: str | None) -> LabCalls:
    """The resource of a lab. What config cannot hold, such as a function, is left out."""
    known = [one.name for one in fields(Options) if one.name in Fanout.model_fields]
    values = {name: getattr(options, name) for name in known}
    given = {name: one for name, one in values.items() if one is not None and not callable(one)}
    given["retry_on"] = list(options.retry_on)
    return LabCalls(partition=partition, **given)


def _bound(asset: dg.AssetsDefinition, resources: Mapping[str, Any] | None) -> dg.AssetsDefinition:
    """The asset with resources of its own."""
    if not resources:
        return asset
    attributes = asset.get_attributes_dict()
    attributes["resource_defs"] |= dict(resources)
    return dg.AssetsDefinition.dagster_internal_init(**attributes)
