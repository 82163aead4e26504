"""Where the generations of a result folder are, for tests that look at what runs leave."""

from pathlib import Path


def runs_of(folder: Path) -> Path:
    """The folder of all generations."""
    return folder.parent / "_runs" / folder.name


def generations(folder: Path) -> set[Path]:
    """The generations that are there: the visible one and those of runs."""
    return {path for path in runs_of(folder).iterdir() if path.is_dir()}
