"""What a cluster's engine does for a run: it says where there is room, and carries requests to lanes there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol


class Engine(Protocol):
    """A connection to one cluster. All of it may be called by any thread. See `lanes` for what it has workers do."""

    name: str
    """What the strategy is called."""
    address: str
    """Where the cluster is."""

    def places(self) -> Mapping[str, int]:
        """How many lanes there may be on each worker that there is now, by the worker's name."""

    def open_lane(self, key: str, place: str, folder: str, share: int) -> None:
        """Begin to open a lane. It is closed when this process ends, however that does."""

    def do(
        self, key: str, place: str, request: bytes, done: Callable[[bytes | None], object]
    ) -> None:
        """Have a lane do something, once; `done` is told the answer, or None where the worker was lost."""

    def leave_calls(self, key: str, place: str) -> None:
        """Reach a lane in the middle of a request: see `lanes.leave_calls`."""

    def close_lane(self, key: str, place: str) -> None:
        """Have a lane end, also in the middle of a request, without waiting for that."""

    def ask(self, function: Callable[..., Any], *arguments: Any) -> Mapping[str, Any]:
        """What a function returns on each worker and, as "scheduler", there; an exception where it raises one."""

    def require_alive(self) -> None:
        """Raises ClusterFailed where the cluster was lost."""
