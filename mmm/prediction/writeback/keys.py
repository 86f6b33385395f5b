"""Keyed hashes: names of people in logs that nobody can turn back without the key."""

import hashlib
import hmac
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from mmm.errors import ConfigError, SourceError

VARIABLE = "MMM_LEDGER_KEY"
_ADDRESS = re.compile(r"[^\s@'\"<>(),;:]+@[^\s@'\"<>(),;:]+\.\w+")
_LEAST = 16


@dataclass(frozen=True)
class Key:
    """A secret, and what is hashed with it.

    Attributes
    ----------
    secret : bytes
    """

    secret: bytes = field(repr=False)

    def of(self, text: str) -> str:
        """Return the keyed hash of an id or an address: HMAC-SHA-256, 16 hexadecimal digits.

        Examples
        --------
        >>> Key(b"0123456789abcdef").of("L1") == Key(b"0123456789abcdef").of(" l1 ")
        True
        >>> Key(b"0123456789abcdef").of("L1") == Key(b"another key of some").of("L1")
        False
        """
        plain = text.strip().casefold().encode()
        return hmac.new(self.secret, plain, hashlib.sha256).hexdigest()[:16]

    def scrub(self, text: str) -> str:
        """Return a text with the keyed hash in place of each e-mail address.

        Examples
        --------
        >>> Key(b"0123456789abcdef").scrub("no contact anna@example.com there")
        'no contact 18ad5ee274fd3541 there'
        """
        return _ADDRESS.sub(lambda found: self.of(found[0]), text)


def read_key(ledger: Path, *, make: bool = True) -> Key:
    """Return the key of a ledger: the variable MMM_LEDGER_KEY, else a file beside the ledger.

    Parameters
    ----------
    ledger : Path
    make : bool
        Write a new file where there is none; its owner alone may read it. Otherwise a key of this
        run alone.

    Raises
    ------
    ConfigError
        If the key is too short.
    SourceError
        If the file cannot be read or written.
    """
    if given := os.environ.get(VARIABLE):
        return Key(_long_enough(given, f"the variable {VARIABLE}"))
    file = key_file(ledger)
    try:
        if file.exists():
            return Key(_long_enough(file.read_text(encoding="ascii").strip(), str(file)))
        fresh = secrets.token_hex(32)
        if make:
            number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(number, "w", encoding="ascii") as stream:
                stream.write(fresh)
                stream.flush()
                os.fsync(stream.fileno())
        return Key(fresh.encode())
    except (OSError, UnicodeError) as error:
        raise SourceError(
            f"cannot use the key {file} ({error}). Set {VARIABLE}, or mend the file."
        ) from error


def key_file(ledger: Path) -> Path:
    """Return where the key of a ledger lies, if no variable holds it."""
    return ledger.with_name(f"{ledger.name}.key")


def _long_enough(secret: str, where: str) -> bytes:
    if len(secret) < _LEAST:
        raise ConfigError(
            f"the key in {where} has {len(secret)} characters. Use {_LEAST} or more, such as those "
            "of `openssl rand -hex 32`."
        )
    return secret.encode()
