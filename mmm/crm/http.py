"""What HubSpot and Salesforce share: which error an answer over HTTP is, and waiting to read."""

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

from mmm.errors import ConfigError, TargetBusy, TargetError, TargetUnsure, quoted

Result = TypeVar("Result")
Item = TypeVar("Item")

TIMEOUTS = (10.0, 120.0)  # seconds: to connect, and between two pieces of an answer
TRIES = 6
LONGEST_WAIT = 60.0
_BUSY = {423, 429, 477, 503}
_UNSURE = {408, *range(500, 600)} - _BUSY
_EMAIL = re.compile(r"[^\s@\"'<>()\[\],;:=]+@[^\s@\"'<>()\[\],;]+")
_LOCAL = {"127.0.0.1", "localhost", "::1"}


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the seconds that an answer asks to wait, from ``Retry-After``.

    Examples
    --------
    >>> retry_after({"Retry-After": "7"})
    7.0
    >>> noon = datetime(2025, 3, 1, 12, tzinfo=UTC)
    >>> retry_after({"Retry-After": "Sat, 01 Mar 2025 12:00:30 GMT"}, noon)
    30.0
    >>> retry_after({"Retry-After": "soon"})
    """
    text = {name.lower(): value for name, value in headers.items()}.get("retry-after", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())


def refusal(status: int, message: str, wait: float | None = None) -> TargetError:
    """Return the error that an HTTP status stands for.

    Examples
    --------
    >>> [type(refusal(s, "")).__name__ for s in (400, 429, 503, 500, 504)]
    ['TargetError', 'TargetBusy', 'TargetBusy', 'TargetUnsure', 'TargetUnsure']
    """
    if status in _BUSY:
        return TargetBusy(message, wait)
    return TargetUnsure(message) if status in _UNSURE else TargetError(message)


def no_answer(system: str, error: Exception) -> TargetError:
    """Return the error for a call that ended in the network.

    Parameters
    ----------
    system : str
        As the user knows it.
    error : Exception
        Of urllib3, or of requests around it.

    Returns
    -------
    TargetError
        `TargetBusy` where no connection was made, so that nothing can have been written;
        `TargetError` where the certificate is refused; else `TargetUnsure`.
    """
    kinds = [type(link).__name__ for link in _links(error)]
    text = " ".join(str(link) for link in _links(error)).lower()
    if "certificate" in text:
        return TargetError(
            f"The certificate of {system} is refused. Check the address, the clock of this "
            "machine and its certificates."
        )
    unmade = {"NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ConnectTimeout"}
    if unmade & set(kinds):
        return TargetBusy(f"{system} cannot be reached. Check the network and the address.")
    return TargetUnsure(
        f"The call to {system} ended without an answer ({kinds[-1]}). It is read back before it "
        "is sent again."
    )


def _links(error: Exception) -> list[BaseException]:
    """Return an error and those inside it; requests and urllib3 wrap one another's."""
    found: list[BaseException] = []
    todo: list[object] = [error]
    while todo and len(found) < 12:
        link = todo.pop(0)
        if isinstance(link, BaseException) and link not in found:
            found.append(link)
            todo += [getattr(link, "reason", None), *link.args]
    return found


def plain(message: object, hide: Sequence[str] = ()) -> str:
    """Return a message of a system on one line, shortened, without personal data.

    Parameters
    ----------
    message : object
    hide : sequence of str
        What must not stand in it, such as the id of the lead; e-mail addresses never do.

    Examples
    --------
    >>> plain("Email ann@acme.com is  taken by L-7", hide=["L-7"])
    'Email ... is taken by ...'
    """
    text = " ".join(str(message).split())
    for word in hide:
        text = text.replace(word, "...") if len(word) > 2 else text
    text = _EMAIL.sub("...", text)
    return text if len(text) <= 300 else text[:297] + "..."


def patiently(call: Callable[[], Result], sleep: Callable[[float], None] = time.sleep) -> Result:
    """Call what only reads, again where the system is busy or did not answer.

    Raises
    ------
    TargetError
        The last one, after `TRIES` calls or where again is of no use.
    """
    for attempt in range(TRIES):
        try:
            return call()
        except (TargetBusy, TargetUnsure) as error:
            asked = getattr(error, "retry_after", None)
            wait = 0.5 * 2**attempt if asked is None else asked
            if attempt + 1 == TRIES or wait > LONGEST_WAIT:
                raise
            sleep(wait * (1.0 + 0.25 * random.random()))
    raise AssertionError("unreachable")


def parts(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Cut a sequence into pieces of at most `size`.

    Examples
    --------
    >>> list(parts("abcde", 2))
    ['ab', 'cd', 'e']
    """
    for start in range(0, len(items), size):
        yield items[start : start + size]


def read_address(address: str, kinds: Sequence[str], options: Sequence[str]) -> dict[str, str]:
    """Read what follows the system in ``hubspot:contacts?id=email``.

    Returns
    -------
    dict
        ``object``, the first of `kinds` by default, and the options that are given.

    Raises
    ------
    ConfigError
        If the object or an option is unknown.

    Examples
    --------
    >>> read_address("Contact?id=Key__c", ["Lead", "Contact"], ["id"])
    {'object': 'Contact', 'id': 'Key__c'}
    """
    name, _, query = address.partition("?")
    given = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(set(given) - set(options))
    if unknown:
        raise ConfigError(
            f"The address has the option {quoted(unknown)}. Options are {quoted(options)}."
        )
    if name and name not in kinds:
        raise ConfigError(f"The address names {name!r}. Scores go to one of {quoted(kinds)}.")
    wrong = [key for key in ("id", "columns") if not re.fullmatch(r"[\w,]*", given.get(key, ""))]
    if wrong:
        raise ConfigError(
            f"The option {quoted(wrong)} of the address is not the name of a field. Names have "
            "letters, digits and underscores."
        )
    return {"object": name or kinds[0], **given}


def check_url(url: str, variable: str) -> str:
    """Return the address of an interface that a token may be sent to, without a slash at its end.

    Raises
    ------
    ConfigError
        If it is not https, save on this machine, or holds a user or a path.

    Examples
    --------
    >>> check_url("https://acme.my.salesforce.com/", "SALESFORCE_INSTANCE_URL")
    'https://acme.my.salesforce.com'
    """
    parts_of = urlsplit(url.strip())
    safe = parts_of.scheme == "https" or (parts_of.scheme == "http" and parts_of.hostname in _LOCAL)
    if not safe or parts_of.username or parts_of.path.strip("/") or not parts_of.hostname:
        raise ConfigError(
            f"{variable} is not an address that a token can be sent to. Set it to https:// and "
            "the host alone, such as https://acme.my.salesforce.com."
        )
    return f"{parts_of.scheme}://{parts_of.netloc}"
