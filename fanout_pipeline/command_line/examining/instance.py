"""DAGSTER_HOME and its dagster.yaml, as far as fan-outs depend on them. Nothing is created there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fanout_pipeline.command_line.examining.file_systems import file_system
from fanout_pipeline.command_line.examining.finding import Finding, failure, fine, warning
from fanout_pipeline.engine.system.storage import NETWORK

_ABOUT = "DAGSTER_HOME"
_RUNS_AT_ONCE = 10
"""What Dagster's run coordinator starts at once, where dagster.yaml says nothing."""


@dataclass(frozen=True, slots=True)
class Instance:
    """What is known of Dagster's instance."""

    home: Path | None
    """DAGSTER_HOME; None where there is none."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What dagster.yaml says."""
    error: str = ""
    """Why there is no home, or no settings, although DAGSTER_HOME is set."""

    @property
    def storage(self) -> Path | None:
        """The folder in which Dagster keeps values of assets; None where that is a temporary one."""
        if self.home is None:
            return None
        base = self._config("local_artifact_storage").get("base_dir")
        return Path(base if isinstance(base, str) else self.home, "storage")

    @property
    def runs_at_once(self) -> int:
        """The most runs that are under way at once; -1 where there is no limit."""
        coordinator = self.settings.get("run_coordinator") or {}
        if coordinator.get("class") == "DefaultRunCoordinator":
            return -1
        runs = (self.settings.get("concurrency") or {}).get("runs") or {}
        found = runs.get("max_concurrent_runs")
        if found is None:
            found = self._config("run_coordinator").get("max_concurrent_runs")
        return found if isinstance(found, int) else _RUNS_AT_ONCE

    @property
    def frees_slots(self) -> bool:
        """Whether slots in pools are freed that runs hold which were killed."""
        monitoring = self.settings.get("run_monitoring") or {}
        return bool(
            monitoring.get("enabled") and monitoring.get("free_slots_after_run_end_seconds")
        )

    def sqlite(self) -> Path | None:
        """Where the history is kept in SQLite; None where it is in a database server."""
        storage = self.settings.get("storage") or {}
        if self.home is None or {"postgres", "mysql", "custom"} & storage.keys():
            return None
        if "event_log_storage" in self.settings:
            event_log = self.settings["event_log_storage"] or {}
            if "sqlite" not in str(event_log.get("module", "")):
                return None
        base = (storage.get("sqlite") or {}).get("base_dir")
        return Path(base) if isinstance(base, str) else self.home

    def _config(self, name: str) -> Mapping[str, Any]:
        return (self.settings.get(name) or {}).get("config") or {}


def found_instance() -> Instance:
    """The instance that DAGSTER_HOME names."""
    named = os.environ.get("DAGSTER_HOME")
    if not named:
        return Instance(None)
    home = Path(named).expanduser()
    if not home.is_absolute() or not home.is_dir():
        what = "not an absolute path" if not home.is_absolute() else "no folder"
        return Instance(None, error=f"DAGSTER_HOME={named} is {what}")
    import yaml

    try:
        settings = yaml.safe_load((home / "dagster.yaml").read_text())
    except FileNotFoundError:
        settings = None
    except (OSError, yaml.YAMLError) as error:
        return Instance(home, error=f"{home / 'dagster.yaml'} cannot be read: {error}")
    if not isinstance(settings or {}, dict):
        return Instance(home, error=f"{home / 'dagster.yaml'} holds no settings")
    return Instance(home, settings or {})


def look_at_instance(instance: Instance) -> Iterator[Finding]:
    """Whether there is one, and whether its history is where SQLite works."""
    if instance.error:
        yield failure(_ABOUT, instance.error, "Dagster does not start with it: correct it")
    if instance.home is None:
        if not instance.error:
            yield warning(
                _ABOUT,
                "not set: the history of runs, by which partitions are known to be done, ends with `dagster dev`",
                "set DAGSTER_HOME to a folder that lasts",
            )
        return
    history = instance.sqlite()
    if history is None:
        yield fine(_ABOUT, f"{instance.home}, with its history in a database server")
        return
    kind = file_system(history)
    if kind in NETWORK:
        yield warning(
            _ABOUT,
            f"the history is kept by SQLite in {history}, on {kind}, where its locks do not hold: two processes can "
            "damage it",
            "keep it in PostgreSQL (`storage: postgres:` in dagster.yaml), or DAGSTER_HOME on a local disk",
        )
    else:
        yield fine(
            _ABOUT, f"{instance.home}, with its history in SQLite on {kind or 'a local disk'}"
        )
