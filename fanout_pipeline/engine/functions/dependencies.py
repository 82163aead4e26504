"""What a function reads besides its items, as far as `FanoutSpec.depends_on` names it.

For each name there are two texts: a hash of the contents, which is computed once a run, and a stamp that
changes when the contents do, which costs a look at each file and is taken again and again.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

from fanout_pipeline.engine.model.spec import Dependency
from fanout_pipeline.sources.source import BadInput

ENVIRONMENT, PACKAGE = "env:", "package:"
_WRITTEN_BY_PYTHON = "__pycache__"
_SLOW_HASH_ROUNDS = 200_000
"""These take 0.1 s, so that a password cannot be guessed from its hash in the ledger."""


def content_hashes(depends_on: Iterable[Dependency]) -> dict[str, str]:
    """A hash of what each name stands for, or a package's version. Raises BadInput for what is missing."""
    return {name: _text(name, _file_hash, _version) for name in map(str, depends_on)}


def stamps(depends_on: Iterable[Dependency]) -> dict[str, str]:
    """A text for each name that changes when its contents do. Raises BadInput for what is missing.

    A package's is constant, as a process keeps the version that it has imported.
    """
    return {name: _text(name, _file_stamp, lambda package: "") for name in map(str, depends_on)}


def _text(
    name: str, of_file: Callable[[str, os.stat_result], str], of_package: Callable[[str], str]
) -> str:
    if name.startswith(ENVIRONMENT):
        variable = name.removeprefix(ENVIRONMENT)
        value = os.environ.get(variable)
        return "not set" if value is None else _secret_hash(variable, value)
    if name.startswith(PACKAGE):
        return of_package(name.removeprefix(PACKAGE))
    digest = hashlib.sha256()
    try:
        for path, relative, found in _walk(name, "", frozenset()):
            text = of_file(path, found) if found is not None else ""
            digest.update(os.fsencode(f"{relative}\0{text}\n"))
    except OSError as error:
        where = "" if os.path.isabs(name) else f" in {os.getcwd()}, the working directory"
        raise BadInput(
            f"depends_on names {name}{where}; {error.filename or name} cannot be read: "
            f"{error.strerror or error}. Create it, or remove it from depends_on. (For an "
            f"environment variable write {ENVIRONMENT}NAME, for a package {PACKAGE}NAME.)"
        ) from error
    return digest.hexdigest()


@lru_cache
def _secret_hash(variable: str, value: str) -> str:
    salt = os.fsencode(variable)
    return hashlib.pbkdf2_hmac("sha256", os.fsencode(value), salt, _SLOW_HASH_ROUNDS).hex()


def _version(package: str) -> str:
    try:
        return version(package)
    except (PackageNotFoundError, ValueError):
        raise BadInput(
            f"depends_on names {PACKAGE}{package}, and no such package is installed. Install it, or "
            "use the name by which pip knows it."
        ) from None


def _file_hash(path: str, found: os.stat_result) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _file_stamp(path: str, found: os.stat_result) -> str:
    return f"{found.st_size} {found.st_mtime_ns} {found.st_dev} {found.st_ino}"


def _walk(
    path: str, relative: str, parents: frozenset[tuple[int, int]]
) -> Iterator[tuple[str, str, os.stat_result | None]]:
    """Path, relative path and status of everything at a path or below it, in a fixed order.

    The status is None for folders, and for what is no file, such as a socket or a broken link. Links are
    followed, except to a folder that contains them.
    """
    try:
        found = os.stat(path)
    except OSError as error:
        if not relative or error.errno not in (errno.ENOENT, errno.ELOOP):
            raise
        yield path, relative, None
        return
    if stat.S_ISREG(found.st_mode):
        yield path, relative, found
        return
    yield path, relative, None
    identity = (found.st_dev, found.st_ino)
    if stat.S_ISDIR(found.st_mode) and identity not in parents:
        for name in sorted(os.listdir(path)):
            if name != _WRITTEN_BY_PYTHON:
                yield from _walk(
                    os.path.join(path, name), f"{relative}/{name}", parents | {identity}
                )
