"""What a function reads beside its items, as far as its fan-out says: `FanoutSpec.depends_on`.

Of each name two short texts: what it holds, which is read through, once a run; and what changes when
that does, which costs a look at each file and is looked at again and again.
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
_LEFT_OUT = "__pycache__"
"""What Python writes by itself as it imports."""
_NOT_SET = "not set"
_SLOW = 200_000
"""Rounds of hashing, 0.1 s: a password must not be guessed from what is kept of it."""


def held(depends_on: Iterable[Dependency]) -> dict[str, str]:
    """What each holds, as a hash; of a package, its version. Raises BadInput where one is not there."""
    return {name: _told(name, _contents, _version) for name in map(str, depends_on)}


def seen(depends_on: Iterable[Dependency]) -> dict[str, str]:
    """What is another text once what one holds has changed. Raises BadInput where one is not there.

    A package stays what it was when it was imported.
    """
    return {name: _told(name, _stamp, lambda package: "") for name in map(str, depends_on)}


def _told(
    name: str, of_file: Callable[[str, os.stat_result], str], of_package: Callable[[str], str]
) -> str:
    if name.startswith(ENVIRONMENT):
        variable = name.removeprefix(ENVIRONMENT)
        value = os.environ.get(variable)
        return _NOT_SET if value is None else _of_secret(variable, value)
    if name.startswith(PACKAGE):
        return of_package(name.removeprefix(PACKAGE))
    text = hashlib.sha256()
    try:
        for path, within, found in _files(name, "", frozenset()):
            told = of_file(path, found) if found is not None else ""
            text.update(os.fsencode(f"{within}\0{told}\n"))
    except OSError as error:
        where = "" if os.path.isabs(name) else f" in {os.getcwd()}, where this process works"
        raise BadInput(
            f"depends_on names {name}{where}; {error.filename or name} cannot be read: "
            f"{error.strerror or error}. Write it, or take it out of depends_on. (Names of other "
            f"things begin with {ENVIRONMENT} or {PACKAGE})"
        ) from error
    return text.hexdigest()


@lru_cache
def _of_secret(variable: str, value: str) -> str:
    slow = hashlib.pbkdf2_hmac("sha256", os.fsencode(value), os.fsencode(variable), _SLOW)
    return slow.hex()


def _version(package: str) -> str:
    try:
        return version(package)
    except (PackageNotFoundError, ValueError):
        raise BadInput(
            f"depends_on names {PACKAGE}{package}, and no such package is installed. Install it, or "
            "give the name that pip has for it."
        ) from None


def _contents(path: str, found: os.stat_result) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stamp(path: str, found: os.stat_result) -> str:
    return f"{found.st_size} {found.st_mtime_ns} {found.st_dev} {found.st_ino}"


def _files(
    path: str, within: str, above: frozenset[tuple[int, int]]
) -> Iterator[tuple[str, str, os.stat_result | None]]:
    """Each file at a path or under it, in an order of its own: path, name within, and what it is.

    Links are followed, but not to a folder that they are in. Folders, and what is no file (a socket,
    a link to nothing), have only their names.
    """
    try:
        found = os.stat(path)
    except OSError as error:
        if not within or error.errno not in (errno.ENOENT, errno.ELOOP):
            raise
        yield path, within, None
        return
    if stat.S_ISREG(found.st_mode):
        yield path, within, found
        return
    yield path, within, None
    me = (found.st_dev, found.st_ino)
    if stat.S_ISDIR(found.st_mode) and me not in above:
        for name in sorted(os.listdir(path)):
            if name != _LEFT_OUT:
                yield from _files(os.path.join(path, name), f"{within}/{name}", above | {me})
