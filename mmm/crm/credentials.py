"""Credentials: from the environment or the keyring, and never on a screen or in a log."""

import importlib
import os
from collections.abc import Mapping
from typing import cast
from urllib.parse import quote, quote_plus

from mmm.errors import ConfigError

SERVICE = "mmm"  # under which a keyring holds them
HIDDEN = "***"


class Secret:
    """A text that does not show itself.

    Examples
    --------
    >>> word = Secret("hunter2")
    >>> word, f"{word}", word.hide("no entry for hunter2")
    (Secret(***), '***', 'no entry for ***')
    >>> word.reveal()
    'hunter2'
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself, for the client library alone."""
        return self._text

    def hide(self, text: str) -> str:
        """Return a text, such as the message of a library, without the secret in it."""
        word = self.reveal()
        if not word:
            return text
        spellings = {word, repr(word)[1:-1], quote(word, safe=""), quote_plus(word)}
        for spelling in sorted(spellings, key=len, reverse=True):
            text = text.replace(spelling, HIDDEN)
        return text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.reveal() == other.reveal()

    def __hash__(self) -> int:
        return hash(self.reveal())

    def __bool__(self) -> bool:
        return bool(self.reveal())

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    def __str__(self) -> str:
        return HIDDEN

    def __reduce__(self) -> str:
        raise TypeError("a secret is not kept in files. Read it again where it is needed.")


def find_secret(name: str, environ: Mapping[str, str] | None = None) -> Secret | None:
    """Look a secret up in the environment, then in the keyring where one is installed.

    Parameters
    ----------
    name : str
        Such as ``HUBSPOT_TOKEN``: the environment variable, and the name that the keyring has
        for it under the service ``mmm`` (``keyring set mmm HUBSPOT_TOKEN``).
    environ : mapping, optional
        `os.environ` by default.

    Returns
    -------
    Secret or None

    Examples
    --------
    >>> find_secret("HUBSPOT_TOKEN", {"HUBSPOT_TOKEN": "pat-1"})
    Secret(***)
    """
    text = (os.environ if environ is None else environ).get(name) or _from_keyring(name)
    return Secret(text) if text else None


def need_secret(name: str, environ: Mapping[str, str] | None = None) -> Secret:
    """Look a secret up as `find_secret` does.

    Raises
    ------
    ConfigError
        If it is in neither place.
    """
    secret = find_secret(name, environ)
    if secret is None:
        raise ConfigError(
            f"{name} is not set. Set it in the environment of the job, or keep it in the keyring: "
            f"keyring set {SERVICE} {name}"
        )
    return secret


def _from_keyring(name: str) -> str | None:
    try:
        keyring = importlib.import_module("keyring")
        refused = importlib.import_module("keyring.errors").KeyringError
    except ImportError:
        return None
    try:
        return cast(str | None, keyring.get_password(SERVICE, name))
    except refused:  # a server without one, or one that is locked
        return None
