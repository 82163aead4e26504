"""What comparing needs beyond what calling does: the extra `lab`."""

from __future__ import annotations

from importlib.util import find_spec

LIBRARIES = ("jinja2", "matplotlib", "scipy")


class LabNotInstalled(ImportError):
    """A library of the extra `lab` is missing. The message says what to install."""


def require_lab() -> None:
    """Raises LabNotInstalled, before anything is measured, where no report could be made of it."""
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        raise LabNotInstalled(
            f"Comparing strategies needs {' and '.join(missing)}: "
            'pip install "fanout_pipeline[lab]" in the environment that runs Dagster\'s steps.'
        )
