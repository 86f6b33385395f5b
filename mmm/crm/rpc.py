"""What Tryton and Odoo share: one call of JSON over HTTP, what its failures mean, the address."""

import json
import re
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.parse import parse_qsl, urlsplit

from mmm.crm.http import refusal, retry_after
from mmm.errors import ConfigError, TargetBusy, TargetError, TargetUnsure, quoted

TIMEOUT = 120.0  # seconds without a byte
LARGEST = 256 * 2**20  # bytes of an answer
_LOCAL = {"127.0.0.1", "localhost", "::1"}
_UNMADE = (ConnectionRefusedError, socket.gaierror)


@dataclass(frozen=True)
class Place:
    """Where a system is reached.

    Attributes
    ----------
    url : str
        Scheme, host and port, without a slash at the end.
    database : str
        Empty where the address names none.
    options : mapping of str to str
    """

    url: str
    database: str
    options: Mapping[str, str] = field(default_factory=dict)


def read_place(address: str, variable: str, options: Sequence[str] = ()) -> Place:
    """Read what follows the system in ``tryton:https://crm.example.com/database?option=value``.

    Parameters
    ----------
    address : str
    variable : str
        The environment variable that holds the address where none is written, for messages.
    options : sequence of str
        Options that there are.

    Raises
    ------
    ConfigError
        If it is not https, save on this machine, if it holds a user, or an unknown option.

    Examples
    --------
    >>> place = read_place("https://crm.example.com/crm", "TRYTON_URL")
    >>> place.url, place.database
    ('https://crm.example.com', 'crm')
    """
    parts = urlsplit(address.strip())
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = sorted(set(given) - set(options))
    if unknown:
        there = f"Options are {quoted(options)}." if options else "Take it out."
        raise ConfigError(f"The address has the option {quoted(unknown)}. {there}")
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)
    database = parts.path.strip("/")
    # The address itself is not told: it may hold a password.
    if not safe or not parts.hostname or "@" in parts.netloc or "/" in database:
        raise ConfigError(
            "The address is not one that a password can be sent to. Write https://, the host and "
            f"the database, such as https://crm.example.com/crm, in {variable} or behind the "
            "colon, and keep user and password in the environment or the keyring."
        )
    return Place(f"{parts.scheme}://{parts.netloc}", database, given)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the credentials to another place."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def post(
    url: str,
    body: object,
    *,
    system: str,
    changes: bool,
    headers: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
) -> Any:
    """Send JSON, and return the JSON that comes back.

    Parameters
    ----------
    url : str
    body : object
        What is sent, as JSON.
    system : str
        As the user knows it, for messages.
    changes : bool
        Whether the call writes. One that only reads and ended without an answer is
        `mmm.errors.TargetBusy`: nothing was written.
    headers : mapping of str to str, optional
    timeout : float
        Seconds.

    Raises
    ------
    TargetBusy
        If the system cannot be reached, or asks to wait.
    TargetUnsure
        If the call may have been carried out.
    TargetError
        If it is refused.
    """
    request = urllib.request.Request(
        url,
        json.dumps(body).encode("ascii"),
        {"Content-Type": "application/json", **(headers or {})},
    )
    try:
        try:
            with _OPENER.open(request, timeout=timeout) as answer:
                return json.loads(_bounded(answer.read(LARGEST + 1), system))
        except urllib.error.HTTPError as error:
            with error:
                raise _status(system, error) from None
        except (OSError, HTTPException, ValueError) as error:
            raise _unanswered(system, error) from None
    except TargetUnsure as error:
        if changes:
            raise
        raise TargetBusy(str(error)) from None


def _bounded(raw: bytes, system: str) -> bytes:
    if len(raw) > LARGEST:
        raise TargetError(
            f"{system} answered with more than {LARGEST >> 20} MiB. Check the address."
        )
    return raw


def _status(system: str, error: urllib.error.HTTPError) -> TargetError:
    if 300 <= error.code < 400:
        return TargetError(
            f"{system} sends to another address (HTTP {error.code}), which is not followed with a "
            "password. Write the address that it redirects to."
        )
    cure = {
        401: "Check user and password.",
        403: "Check the rights of the user.",
        404: "Check the address and the name of the database.",
        413: "It limits the records or bytes of a call: raise that limit there.",
    }.get(error.code, "It is tried again later." if error.code >= 429 else "Check the address.")
    wait = retry_after(dict(error.headers.items()))
    return refusal(error.code, f"{system} answered with HTTP {error.code}. {cure}", wait)


def _unanswered(system: str, error: Exception) -> TargetError:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return TargetError(
            f"The certificate of {system} is refused. Check the address, the clock of this "
            "machine and its certificates."
        )
    if isinstance(reason, _UNMADE):
        return TargetBusy(f"{system} cannot be reached. Check the network and the address.")
    if isinstance(reason, ValueError):  # JSON cut short, or a page
        return TargetUnsure(f"The answer of {system} is no whole JSON. Check the address.")
    return TargetUnsure(
        f"The call to {system} ended without an answer ({type(reason).__name__}). It is read back "
        "before it is sent again."
    )


def number(lead_id: str) -> int | None:
    """Return the number of a record that an id stands for, or None where it cannot be one.

    Examples
    --------
    >>> number("17"), number("017"), number("DROP TABLE"), number("9999999999")
    (17, None, None, None)
    """
    if not re.fullmatch(r"[1-9][0-9]{0,9}", lead_id):
        return None
    value = int(lead_id)
    return value if value < 2**31 else None
