"""What a source is told as its path: a path on a disk here, or a URL."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Self

_URL = r"[A-Za-z][A-Za-z0-9+.-]*(://|::)"
_USER = r"(?<=://)[^/@]*@"
_QUERY = r"(https?://[^?]*)\?.*"


class Url(str):
    """A URL that is shown without what may be secret in it: a user with a password, the query of a web page."""

    __slots__ = ()

    @property
    def whole(self) -> str:
        """With its secrets."""
        return self[:]

    def __str__(self) -> str:
        return re.sub(_QUERY, r"\1", re.sub(_USER, "", self.whole), flags=re.DOTALL)

    def __repr__(self) -> str:
        return repr(str(self))

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


def path_of(source: object) -> str | None:
    """The path of the file that a source reads; None where it has no field `path`, or that is a URL."""
    path = getattr(source, "path", None)
    return None if isinstance(path, Url) else path


def without_secrets(text: str, url: Url) -> str:
    """A message about a URL, which may have it in other spellings, too."""
    text = re.sub(_USER, "", text.replace(url.whole, str(url)))
    return re.sub(r"(https?://[^?\s'\"]*)\?[^\s'\"]*", r"\1", text)


class LocalPath(str):
    """A path on a disk here, with what is known of it beside its text."""

    root: str | None
    """The data root that it was taken relative to; None where it was relative to nothing, or to the working directory."""
    is_exact: bool
    """Whether wildcards in it are characters like others."""

    def __new__(cls, text: str, root: str | None = None, is_exact: bool = False) -> Self:
        made = super().__new__(cls, text)
        made.root, made.is_exact = root, is_exact
        return made

    @classmethod
    def under(cls, root: str | os.PathLike[str], path: str) -> Self:
        """The path in a data root, unless it is absolute."""
        base = None if os.path.isabs(path) else os.fspath(root)
        return cls(str(Path(root, path)), base, getattr(path, "is_exact", False))


def url_or_path(path: str | os.PathLike[str]) -> str:
    """A Url where the path names a scheme, such as s3://bucket/file; else the path.

    Raises TypeError for what is no path, and ValueError for one that names nothing.
    """
    path = required_path(path)
    return path if isinstance(path, Url) or not re.match(_URL, path) else Url(path)


def path_here(path: str | os.PathLike[str], source: str) -> str:
    """A path, for a source that cannot read what is not on a disk here; raises ValueError for a URL, too."""
    if isinstance(url := url_or_path(path), Url):
        raise ValueError(
            f"{source} reads files that are on a disk here, not {url}: copy them first"
        )
    return url


def required_path(path: str | os.PathLike[str]) -> str:
    """The path as text. Raises TypeError for what is no path, and ValueError for one that names nothing."""
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str):
        raise TypeError(
            f"path is the name of a file, a folder or a glob, as text or a pathlib.Path, not {path!r}"
        )
    if not text.strip() or "\0" in text:
        raise ValueError(f"path must name a file, a folder or a glob, not {text!r}")
    return text
