"""Where a database is, and what of that may be shown."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from fanout_pipeline.sources.files import cannot_read
from fanout_pipeline.sources.source import BadInput

_ENVIRONMENT = "env:"
_PASSWORD = re.compile(r"(?<=://)([^:/@\s]*):(.*)@", re.DOTALL)
"""What is between the user's colon and the last `@`: a password may hold any of both, unquoted by mistake."""
_SECRETS = re.compile(r"(?i)((?:pass|pwd|secret|token|key)[^=&\s]*=)([^&\s]+)")
"""In the query of a URL."""

Connection = str | Callable[[], Any]


def shown(connection: Connection) -> str:
    """What names the database, without a password."""
    if callable(connection):
        module = getattr(connection, "__module__", "")
        return f"{module}.{getattr(connection, '__qualname__', type(connection).__qualname__)}"
    if "://" not in connection and not _is_name(connection):
        return "***"  # Who knows what it is.
    return _masked(connection)


def _masked(text: str) -> str:
    return _SECRETS.sub(r"\1***", _PASSWORD.sub(r"\1:***@", text))


def scrubbed(text: str, connection: Connection) -> str:
    """A text of the driver's or the database's without the password, however it is written."""
    if callable(connection):
        return _masked(text)
    url = os.environ.get(_name(connection), "") if _is_name(connection) else connection
    secrets = [found[2] for found in (*_PASSWORD.finditer(url), *_SECRETS.finditer(url))]
    forms = {form(secret) for secret in secrets for form in (str, unquote, quote, quote_plus)}
    for form in sorted(filter(None, forms), key=len, reverse=True):
        text = text.replace(form, "***")
    return _masked(text)


@contextmanager
def connected(connection: Connection) -> Iterator[Any]:
    """A connection of SQLAlchemy's, closed at the end. Raises BadInput, or what SQLAlchemy raises."""
    try:
        import sqlalchemy
    except ModuleNotFoundError as error:
        raise BadInput(
            "Sql needs SQLAlchemy, which is not installed: pip install 'fanout_pipeline[sql]', and a driver "
            "for your database."
        ) from error
    if callable(connection):
        engine = connection()
        if not hasattr(engine, "connect"):
            raise BadInput(
                f"{shown(connection)} returned a {type(engine).__name__}, not an Engine of SQLAlchemy."
            )
    else:
        engine = _engine(sqlalchemy, connection)
    with engine.connect() as opened:
        yield opened


def _engine(sqlalchemy: Any, connection: str) -> Any:
    text = connection
    if _is_name(connection):
        text = os.environ.get(_name(connection), "")
        if not text:
            raise BadInput(
                f"The environment variable {_name(connection)}, which connection={connection!r} names, is not "
                "set. Set it to the database's URL."
            )
    try:
        url = sqlalchemy.engine.make_url(text)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise BadInput(
            f"connection={shown(connection)!r} is no URL of a database. Write it as in "
            "postgresql+psycopg://user@host/database or sqlite:///orders.db, with special characters of a "
            "password quoted (urllib.parse.quote_plus)."
        ) from None
    if url.get_backend_name() == "sqlite":
        _require_file(url.database)
    try:
        return sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
    except ModuleNotFoundError as error:
        raise BadInput(
            f"{shown(connection)} needs the driver {error.name}, which is not installed. Install it, or name "
            "one that is, as in postgresql+psycopg://."
        ) from None
    except sqlalchemy.exc.NoSuchModuleError:
        raise BadInput(
            f"SQLAlchemy knows no database {url.drivername!r}, of {shown(connection)}. Correct the name, or "
            "install what adds it."
        ) from None


def _require_file(path: str | None) -> None:
    """SQLite would create it."""
    if path and path != ":memory:" and not path.startswith("file:"):
        try:
            os.stat(path)
        except OSError as error:
            raise cannot_read(path, error) from error


def _is_name(connection: str) -> bool:
    return connection.startswith(_ENVIRONMENT)


def _name(connection: str) -> str:
    return connection.removeprefix(_ENVIRONMENT)
