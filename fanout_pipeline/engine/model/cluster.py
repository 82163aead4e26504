"""Where a cluster is, and what a run needs of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that strategies `dask` and `ray` use."""

    address: Any = None
    """Where it is: an address such as "tcp://scheduler:8786", or an open `distributed.Client`. None: where the
    environment says (DASK_SCHEDULER_ADDRESS, RAY_ADDRESS), else one is started on this machine for the run."""
    tls: Any = None
    """For connections that are encrypted: a `distributed.Security`, or what makes one by name: `tls_ca_file`,
    `tls_client_cert`, `tls_client_key`."""
    resources: Mapping[str, float] = field(default_factory=dict)
    """What each worker process of the run takes of what workers of the cluster offer, as in {"GPU": 1}."""
    workers_at_least: int = 1
    """Nothing begins before so many worker processes have room."""
    wait_seconds: float = 60.0
    """For how long is waited for the cluster to answer, and for workers to come."""

    def __post_init__(self) -> None:
        if isinstance(self.address, str) and not self.address.strip():
            raise ValueError("cluster has no address: leave it out, or write tcp://host:port")
        for name in ("workers_at_least", "wait_seconds"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real):
                raise TypeError(f"{name} must be a number, not {value!r}")
        if self.workers_at_least < 1:
            raise ValueError(f"workers_at_least must be at least 1, not {self.workers_at_least}")
        if not self.wait_seconds > 0:
            raise ValueError(f"wait_seconds must be more than 0, not {self.wait_seconds}")
        for name, amount in self.resources.items():
            if isinstance(amount, bool) or not isinstance(amount, Real) or not amount > 0:
                raise ValueError(f"resources[{name!r}] must be more than 0, not {amount!r}")

    @classmethod
    def of(cls, cluster: Any) -> Self:
        """What `Options.cluster` stands for."""
        return cluster if isinstance(cluster, cls) else cls(cluster)
