"""A session with Tryton: logging in, calls in the user's context, and what refusals mean."""

import base64
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from mmm.crm.credentials import Secret, need_secret
from mmm.crm.http import plain
from mmm.crm.rpc import TIMEOUT, Place, post, read_place
from mmm.errors import ConfigError, TargetError

OPPORTUNITY = "sale.opportunity"
CHANGED = "somebody changed it since it was read; it is left until it is read again"


class Connection:
    """A session with Tryton.

    Parameters
    ----------
    place : Place
    user, password : Secret
    timeout : float
        Seconds that a call may take.
    """

    def __init__(
        self, place: Place, user: Secret, password: Secret, timeout: float = TIMEOUT
    ) -> None:
        self.name = f"tryton:{place.url}/{place.database}"
        self.n_changes = 0
        self._url = f"{place.url}/{quote(place.database, safe='')}/rpc/"
        self._user, self._password, self._timeout = user, password, timeout
        self._session: Secret | None = None
        self._context: dict[str, Any] = {}

    def call(
        self,
        method: str,
        *params: object,
        changes: bool = False,
        stamps: Mapping[str, str] | None = None,
    ) -> Any:
        """Call a method such as ``sale.opportunity.write``, logged in and in the user's context.

        Parameters
        ----------
        method : str
        *params : object
            All but the context.
        changes : bool
            Whether the method writes.
        stamps : mapping of str to str, optional
            By ``model,id``, when a record was last changed: Tryton refuses where that is not so.
        """
        known = self._session is not None
        if not known:
            self._login()
        try:
            result = self._called(method, params, changes, stamps)
        except _SignedOut:
            # Sessions end; one that has just begun does not.
            if not known:
                raise
            self._login()
            result = self._called(method, params, changes, stamps)
        self.n_changes += changes
        return result

    def close(self) -> None:
        """Log out."""
        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(TargetError):  # it ends by itself
                self._post("common.db.logout", [], session, changes=False)

    def _called(
        self, method: str, params: Sequence[object], changes: bool, stamps: Mapping[str, str] | None
    ) -> Any:
        context = {**self._context, **({"_timestamp": dict(stamps)} if stamps else {})}
        return self._post(f"model.{method}", [*params, context], self._session, changes=changes)

    def _login(self) -> None:
        user, asked = self._user.reveal(), {"password": self._password.reveal()}
        self._session = None
        # What begins a session changes no record.
        begun = self._post("common.db.login", [user, asked], None, changes=False)
        token = base64.b64encode(f"{user}:{begun[0]}:{begun[1]}".encode()).decode("ascii")
        session = Secret(token)
        preferences = ("model.res.user.get_preferences", [True, {}])
        self._context = self._post(*preferences, session, changes=False)
        self._session = session

    def _post(
        self, method: str, params: Sequence[object], session: Secret | None, *, changes: bool
    ) -> Any:
        headers = {"Authorization": f"Session {session.reveal()}"} if session else {}
        body = {"id": 1, "method": method, "params": list(params)}
        try:
            answer = post(
                self._url,
                body,
                system="Tryton",
                changes=changes,
                headers=headers,
                timeout=self._timeout,
            )
        except TargetError as error:
            if "HTTP 401" in str(error):
                raise _SignedOut(
                    "Tryton refuses the user or the password. Check TRYTON_USER and "
                    "TRYTON_PASSWORD."
                ) from None
            raise
        if "error" in answer:
            raise _error(method, answer["error"])
        return answer["result"]


class _SignedOut(TargetError):
    """There is no such session, or no such user and password."""


class Refused(TargetError):
    """Tryton took nothing of a call, because of one of its records."""


def _error(method: str, error: Sequence[Any]) -> TargetError:
    """Return what an error in the body of an answer stands for; nothing was written."""
    kind, said = error[0], error[1] if len(error) > 1 else ""
    if kind in {"UserError", "UserWarning"}:
        words = said if isinstance(said, list) else [said]
        return Refused(plain(words[1 if kind == "UserWarning" else 0]))
    if kind == "ConcurrencyException":
        return Refused(CHANGED)
    if kind == "LoginException":
        return TargetError(
            "Tryton asks this user for more than a password. Let the user of the job log in with "
            "its password alone."
        )
    return TargetError(f"Tryton failed in {method}: {plain(kind)}. Look into the log of Tryton.")


def connect(
    address: str, environ: Mapping[str, str], options: Sequence[str]
) -> tuple[Connection, Mapping[str, str]]:
    """Return the system that an address names, not yet called, and the options of the address.

    Raises
    ------
    ConfigError
        If the address cannot be used, or a credential is missing.
    """
    bare, mark, query = address.partition("?")
    bare = bare or need_secret("TRYTON_URL", environ).reveal()
    place = read_place(bare + mark + query, "TRYTON_URL", options)
    if not place.database:
        raise ConfigError(
            "The address names no database. Write it behind the host, such as "
            "https://crm.example.com/database."
        )
    user, password = (need_secret(f"TRYTON_{k}", environ) for k in ("USER", "PASSWORD"))
    return Connection(place, user, password), place.options
