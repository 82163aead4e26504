"""Where the generations of a result folder are, for tests that look at what runs leave."""

from pathlib import Path

from fanout_pipeline.results.store.ledger import LEDGER


def runs_of(folder: Path) -> Path:
    """The folder of all generations."""
    return folder.parent / "_runs" / folder.name


def generations(folder: Path) -> set[Path]:
    """The generations that are there: the visible one and those of runs."""
    return {path for path in runs_of(folder).iterdir() if path.is_dir()}


def parts_told(folder):
    """How many parts the ledgers of all runs below a folder tell of."""
    return sum(max(0, ledger.read_text().count("\n") - 1) for ledger in folder.rglob(LEDGER))
