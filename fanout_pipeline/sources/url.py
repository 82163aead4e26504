"""A path that is a URL."""

from __future__ import annotations

import re

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


def url_or_path(path: str) -> str:
    """A Url where the path names a scheme, such as s3://bucket/file; else the path."""
    return path if isinstance(path, Url) or not re.match(_URL, path) else Url(path)
