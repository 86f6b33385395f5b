"""The connection to a Salesforce organisation: logging in, calling, and what its errors mean."""

import importlib
import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from mmm.crm.credentials import Secret, find_secret
from mmm.crm.http import TIMEOUTS, check_url, no_answer, patiently, plain, refusal, retry_after
from mmm.errors import (
    ConfigError,
    MissingLibraryError,
    TargetBusy,
    TargetError,
    TargetUnsure,
)

_BUSY = {"REQUEST_LIMIT_EXCEEDED", "SERVER_UNAVAILABLE", "UNABLE_TO_LOCK_ROW", "EXCEEDED_QUOTA"}
# The arguments of the client by the variables that hold them; one whole row is needed.
_WAYS = (
    {"session_id": "SALESFORCE_ACCESS_TOKEN"},
    {
        "username": "SALESFORCE_USERNAME",
        "password": "SALESFORCE_PASSWORD",
        "security_token": "SALESFORCE_SECURITY_TOKEN",
    },
    {
        "consumer_key": "SALESFORCE_CONSUMER_KEY",
        "consumer_secret": "SALESFORCE_CONSUMER_SECRET",
    },
)


def open_org(environ: Mapping[str, str]) -> "Org":
    """Gather credentials from the environment or the keyring; nothing is called yet.

    Raises
    ------
    ConfigError
        If they are incomplete.
    MissingLibraryError
        If ``simple-salesforce`` is not installed.
    """
    address = environ.get("SALESFORCE_INSTANCE_URL", "")
    url = check_url(address, "SALESFORCE_INSTANCE_URL") if address else None
    domain = environ.get("SALESFORCE_DOMAIN", "")
    if url and not domain:
        domain = (urlsplit(url).hostname or "").removesuffix(".salesforce.com")
    domain = domain or "login"
    if not re.fullmatch(r"[A-Za-z0-9.-]+", domain):
        raise ConfigError("SALESFORCE_DOMAIN is no domain. Set it to login, test or your own.")
    for way in _WAYS:
        found = {name: find_secret(variable, environ) for name, variable in way.items()}
        secrets = {name: secret for name, secret in found.items() if secret is not None}
        if len(secrets) == len(way) and (url or "session_id" not in way):
            return Org(secrets, url, domain)
    raise ConfigError(
        "The credentials for Salesforce are incomplete. Set SALESFORCE_INSTANCE_URL and "
        "SALESFORCE_ACCESS_TOKEN, or SALESFORCE_USERNAME, SALESFORCE_PASSWORD and "
        "SALESFORCE_SECURITY_TOKEN, or SALESFORCE_CONSUMER_KEY and SALESFORCE_CONSUMER_SECRET, in "
        "the environment of the job or in the keyring under mmm."
    )


class Org:
    """An organisation; it logs in at the first call, and once more when the session has expired.

    Parameters
    ----------
    secrets : dict of str to Secret
        Arguments of the client.
    url : str or None
        Address of the instance.
    domain : str
        Where to log in: ``login``, ``test``, or what stands before ``.salesforce.com``.
    """

    def __init__(self, secrets: Mapping[str, Secret], url: str | None, domain: str) -> None:
        try:
            self._library: Any = importlib.import_module("simple_salesforce")
            self._requests: Any = importlib.import_module("requests")
        except ImportError as error:
            raise MissingLibraryError(
                "simple-salesforce is needed for Salesforce. Run: pip install simple-salesforce"
            ) from error
        self._util: Any = importlib.import_module("simple_salesforce.util")
        self._format: Any = importlib.import_module("simple_salesforce.format")
        self._errors: Any = importlib.import_module("simple_salesforce.exceptions")
        self.place = domain
        self._secrets, self._url, self._domain = dict(secrets), url, domain
        self._session = self._open_session()
        self._asked: float | None = None
        self._client: Any = None

    def json(self, method: str, path: str, **options: Any) -> Any:
        """Make a call, and return its answer.

        Parameters
        ----------
        method, path : str
            The path is what follows the version, such as ``query/``.
        **options
            ``params`` or ``json``.

        Raises
        ------
        TargetBusy, TargetUnsure, TargetError
            As `mmm.crm.target.Target` says.
        """
        try:
            return self._call(method, path, **options).json()
        except ValueError as error:
            if isinstance(error, TargetError):
                raise
            raise TargetUnsure("Salesforce answered with something that is not JSON.") from None

    def text(self, path: str) -> str:
        """Read the CSV of a job."""
        answer = self._call("GET", path, additional_headers={"Accept": "text/csv"})
        return str(answer.content.decode("utf-8"))

    def query(self, soql: str) -> Iterator[dict[str, Any]]:
        """Yield the records of a query, page by page, waiting where Salesforce is busy."""
        path, params = "query/", {"q": soql}
        while True:
            page = patiently(partial(self.json, "GET", path, params=params))
            yield from page["records"]
            if page["done"]:
                return
            path, params = "query/" + str(page["nextRecordsUrl"]).rpartition("/")[2], {}

    def put_csv(self, path: str, text: str) -> None:
        """Send the CSV of a job."""
        headers = {"Content-Type": "text/csv; charset=UTF-8"}
        self._call("PUT", path, data=text.encode("utf-8"), additional_headers=headers)

    def quoted(self, text: str) -> str:
        """Return a text as SOQL has it between quotes."""
        return str(self._format.quote_soql_value(text))

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def _call(self, method: str, path: str, **options: Any) -> Any:
        for last in (False, True):
            client = self._log_in()
            try:
                return self._util.call_salesforce(
                    client.base_url + path, method, self._session, {**client.headers}, **options
                )
            except self._errors.SalesforceExpiredSession:
                self._client = None
                if last or "session_id" in self._secrets:
                    raise TargetError(
                        "Salesforce refuses the session. Set a fresh SALESFORCE_ACCESS_TOKEN, or "
                        "a user name, password and security token."
                    ) from None
            except self._errors.SalesforceError as error:
                raise self._refused(error) from None
            except self._requests.RequestException as error:
                raise no_answer("Salesforce", error) from None
        raise AssertionError("unreachable")

    def _log_in(self) -> Any:
        if self._client is not None:
            return self._client
        words = {name: secret.reveal() for name, secret in self._secrets.items()}
        where = {"instance_url": self._url} if "session_id" in words else {"domain": self._domain}
        try:
            self._client = self._library.Salesforce(session=self._session, **words, **where)
        except self._errors.SalesforceAuthenticationFailed as error:
            raise self._unwelcome(error) from None
        except self._requests.RequestException as error:
            problem = no_answer("Salesforce", error)
            # A login writes nothing, so that there is no doubt about it.
            unsure = isinstance(problem, TargetUnsure)
            raise (TargetBusy(str(problem)) if unsure else problem) from None
        except Exception as error:  # the client trips over an answer that is no XML
            raise TargetBusy(
                f"Salesforce's login answered with something else ({type(error).__name__})."
            ) from None
        return self._client

    def _unwelcome(self, error: Any) -> TargetError:
        code = plain(error.code)
        if isinstance(error.code, int) and (error.code >= 500 or error.code == 429):
            return TargetBusy(f"Salesforce's login says {code}.", self._asked)
        if any(word in code for word in _BUSY):
            return TargetBusy(f"Salesforce's login says {code}.", self._asked)
        return TargetError(
            f"Salesforce refuses the login ({code}). Check the user name, the password, the "
            "security token and the domain: test for a sandbox."
        )

    def _refused(self, error: Any) -> TargetError:
        told = error.content if isinstance(error.content, list) else [error.content]
        entries = [one for one in told if isinstance(one, dict)]
        codes = {str(one.get("errorCode")) for one in entries}
        said = "; ".join(f"{one.get('errorCode')}: {one.get('message')}" for one in entries)
        for secret in self._secrets.values():
            said = secret.hide(said)
        message = f"Salesforce says {error.status}: {plain(said)}"
        if "INVALID_FIELD" in codes:
            message += " Create the fields mmm_...__c first, and let this user see them."
        if codes & _BUSY:
            return TargetBusy(message, self._asked)
        return refusal(error.status, message, self._asked)

    def _open_session(self) -> Any:
        """Return a session that gives up in time and keeps how long an answer asks to wait."""
        session = self._requests.Session()
        send = session.request
        local = self._url if self._url and self._url.startswith("http:") else None

        def request(method: str, url: str, **options: Any) -> Any:
            # The client writes https:// by itself; an instance on this machine has none.
            if local:
                split = urlsplit(url)
                url = local + split.path + (f"?{split.query}" if split.query else "")
            answer = send(method, url, **{"timeout": TIMEOUTS, **options})
            self._asked = retry_after(answer.headers)
            return answer

        session.request = request
        return session
