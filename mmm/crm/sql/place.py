"""Where a database is, and which of its tables are meant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import sqlalchemy as sa

from mmm.crm.credentials import Secret, find_secret
from mmm.errors import ConfigError, quoted

OPTIONS = ("table", "key", "leads", "touches", "deals", "updated")


@dataclass(frozen=True)
class Place:
    """A database and the tables in it, as an address names them.

    Attributes
    ----------
    url : sqlalchemy.URL
    options : mapping of str to str
        Those of `OPTIONS` that were given.
    secrets : tuple of Secret
        Kept out of messages.
    """

    url: sa.URL = field(repr=False)
    options: Mapping[str, str]
    secrets: tuple[Secret, ...]

    @property
    def name(self) -> str:
        """The database without user, password and what else may be secret."""
        query = {k: v for k, v in self.url.query.items() if k in {"host", "port"}}
        bare = self.url.set(drivername=self.url.get_backend_name(), query=query)
        file = Path(bare.database or "").resolve() if bare.drivername == "sqlite" else bare.database
        port = f":{bare.port}" if bare.port else ""
        tail = "".join(f"?{k}={v}" for k, v in query.items())
        return f"{bare.drivername}://{bare.host or ''}{port}/{file or ''}{tail}"

    def hide(self, text: str) -> str:
        """Take the secrets out of a text."""
        for secret in self.secrets:
            text = secret.hide(text)
        return text


def find_place(address: str, environ: Mapping[str, str]) -> Place:
    """Parse an address; a password that it lacks comes from ``MMM_DATABASE_PASSWORD``.

    Raises
    ------
    ConfigError

    Examples
    --------
    >>> place = find_place("postgresql://anna:pw@db.example/crm#table=leads&key=id", {})
    >>> place.name, dict(place.options)
    ('postgresql://db.example/crm', {'table': 'leads', 'key': 'id'})
    """
    at = address.rfind("@") + 1
    base, mark, tail = address[at:].partition("#")
    try:
        url = sa.make_url(address[:at] + base)
    except (sa.exc.ArgumentError, ValueError):
        raise ConfigError(
            "that is no database URL. Write postgresql://user@host/database or "
            "sqlite:///scores.db, with percent-encoding where a password has such signs."
        ) from None
    backend = url.get_backend_name()
    if backend not in {"postgresql", "postgres", "sqlite"}:
        raise ConfigError(f"a {backend} database is not known. Use PostgreSQL or SQLite.")
    if backend == "sqlite":
        if not url.database or url.database.startswith((":memory:", "file:")):
            raise ConfigError("that SQLite address names no file. Write sqlite:///scores.db.")
    else:
        url = _with_password(url.set(drivername="postgresql+psycopg"))
        if url.username and url.password is None:
            secret = find_secret("MMM_DATABASE_PASSWORD", environ)
            url = url.set(password=secret.reveal()) if secret else url
    hidden = [url.password, *(v for k, v in url.query.items() if "pass" in k.lower())]
    secrets = tuple(Secret(word) for word in hidden if isinstance(word, str))
    return Place(url, _options(tail) if mark else {}, secrets)


def _with_password(url: sa.URL) -> sa.URL:
    """Move a password from the options of a URL to its place, where it does not show."""
    word = url.query.get("password")
    rest = url.difference_update_query(["password"])
    return rest.set(password=word) if isinstance(word, str) else url


def _options(tail: str) -> dict[str, str]:
    if "=" not in tail:
        name = unquote(tail)
        return {"table": name, "leads": name} if name else {}
    pairs = [part.partition("=") for part in tail.split("&")]
    found = {unquote(name): unquote(value) for name, _, value in pairs}
    unknown = sorted(set(found) - set(OPTIONS))
    if unknown or not all(found.values()):
        raise ConfigError(
            f"the part after # has {quoted(unknown or found)}. Write one table, or "
            f"option=value with & between them; options are {quoted(OPTIONS)}."
        )
    return found
