"""The data root: where it is, whether results can be kept there, and how much room there is."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from fanout_pipeline.command_line.examining.file_systems import file_system
from fanout_pipeline.command_line.examining.finding import Finding, failure, fine, warning
from fanout_pipeline.command_line.examining.instance import Instance
from fanout_pipeline.engine.system.storage import OBJECTS, where_kept
from fanout_pipeline.measuring.formatting import size
from fanout_pipeline.results.files.windows import on_windows

_ABOUT = "data root"
_LITTLE_BYTES, _LITTLE_FILES = 10**9, 10_000
_CLOCKS_APART_SECONDS = 2.0
_SCRATCH = "_doctor-"
"""How the name of the folder begins that is written to, and removed. `clean` knows it."""


def look_at_data_root(instance: Instance) -> Iterator[Finding]:
    """Where it is; writing results there, and reading them; the room that is left."""
    if on_windows():  # No results are kept there: see the look at workers.
        return
    root, source = data_root_of(instance)
    if root is None:
        yield warning(
            _ABOUT,
            "neither FANOUT_DATA nor DAGSTER_HOME is set: Dagster keeps results in a temporary folder, and they are "
            "lost when it ends",
            "set FANOUT_DATA to a folder that lasts",
        )
        return
    there = _nearest(root)
    kind = file_system(there)
    yield fine(_ABOUT, f"{root} ({source}), on {kind or 'an unknown file system'}")
    if kind in OBJECTS:
        yield failure(
            _ABOUT,
            f"{root} is on {kind}, which has neither locks nor links that results are made visible by",
            "use a disk or NFS for the data root, and copy results to the store",
        )
    elif why := where_kept(root):
        said, _, advice = why.rpartition(": ")
        yield warning(_ABOUT, said, advice)
    yield from _room(there)
    if there == root:
        yield from _written(Path(os.path.realpath(root)))
    elif root.exists():
        yield failure(
            _ABOUT, f"{root} is no folder", f"move it away, or set FANOUT_DATA ({source})"
        )
    elif not os.access(there, os.W_OK | os.X_OK):
        yield failure(
            _ABOUT,
            f"{root} does not exist, and {there} may not be written to",
            f"create it for the user that runs Dagster, or set FANOUT_DATA (now: {source})",
        )


def data_root_of(instance: Instance) -> tuple[Path | None, str]:
    """The data root of assets, and where that comes from; None where it is a temporary folder."""
    named = os.environ.get("FANOUT_DATA")
    if named:
        relative = "" if os.path.isabs(named) else ", in the working directory"
        return Path(named).absolute(), f"FANOUT_DATA={named}{relative}"
    if instance.storage is not None:
        return instance.storage / "fanout", "FANOUT_DATA is not set: in Dagster's storage"
    return None, ""


def _nearest(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    return next(one for one in (path, *path.parents) if one.is_dir())


def _room(folder: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(folder).free
    status = os.statvfs(folder)
    if free < _LITTLE_BYTES:
        yield warning(
            _ABOUT,
            f"{size(free)} are free",
            "free some: python -m fanout_pipeline clean --older-than 30d --dry-run",
        )
    else:
        yield fine(_ABOUT, f"{size(free)} are free")
    if status.f_files and status.f_favail < _LITTLE_FILES:
        yield warning(
            _ABOUT,
            f"no more than {status.f_favail:,} files can be created (inodes)",
            "remove small files",
        )


def _written(root: Path) -> Iterator[Finding]:
    """Commit results in a folder of our own, replace them, and read them, as a run does."""
    from fanout_pipeline.results.files.atomic import CannotWrite, scratch_folder
    from fanout_pipeline.results.read import first_results
    from fanout_pipeline.results.write_results import write_results

    began = time.time()
    try:
        with scratch_folder(root, _SCRATCH) as folder:
            for results in ([1], [2]):
                write_results(folder / "results", results)
            if first_results(folder / "results", 1) != [2]:
                raise OSError("what was read is not what was written last")
            now, then = time.time(), (folder / "results").lstat().st_mtime
    except (CannotWrite, OSError, TimeoutError) as error:
        yield failure(_ABOUT, f"results cannot be kept there: {error}", "see what the message says")
        return
    apart = then - now if then > now else min(0.0, then - began)
    if abs(apart) > _CLOCKS_APART_SECONDS:
        yield warning(
            _ABOUT,
            f"its clock is {apart:+.0f} s from this machine's: ages of files, by which `clean` decides, are wrong",
            "have both clocks kept by one time service",
        )
    yield fine(_ABOUT, "results were written, replaced and read there")
