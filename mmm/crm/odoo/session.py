"""A session with Odoo: who calls, one call, and which error its answer is."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmm.crm.credentials import Secret, need_secret
from mmm.crm.http import plain
from mmm.crm.rpc import TIMEOUT, Place, post, read_place
from mmm.errors import ConfigError, TargetBusy, TargetError

LEAD = "crm.lead"
# Archived leads are leads; and instants are UTC, not of the user's zone.
CONTEXT = {"active_test": False, "tz": "UTC", "lang": "en_US"}
_EXPIRED = 100  # the code that Odoo has for a session that ended
_LOCKS = ("serializ", "locknotavailable", "deadlock", "operationalerror", "could not obtain lock")


class Connection:
    """A user of an Odoo database.

    Parameters
    ----------
    place : Place
    user : Secret
    key : Secret
        An API key of the user, or its password.
    timeout : float
        Seconds that a call may take.
    """

    def __init__(self, place: Place, user: Secret, key: Secret, timeout: float = TIMEOUT) -> None:
        self.name = f"odoo:{place.url}/{place.database}"
        self._url, self._database = f"{place.url}/jsonrpc", place.database
        self._user, self._key, self._timeout = user, key, timeout
        self._uid: int | None = None

    def call(
        self,
        model: str,
        method: str,
        *args: object,
        changes: bool = False,
        **kwargs: object,
    ) -> Any:
        """Call a method of a model.

        Parameters
        ----------
        model, method : str
        *args : object
            By position.
        changes : bool
            Whether the method writes.
        **kwargs : object
            By name; the context is added.
        """
        known = self._uid is not None
        named = {**kwargs, "context": CONTEXT}
        try:
            return self._execute(model, method, args, named, changes)
        except _SignedOut:
            if not known:
                raise
            self._uid = None
            return self._execute(model, method, args, named, changes)

    def close(self) -> None:
        """Forget who called; Odoo keeps no session for such calls."""
        self._uid = None

    def _execute(
        self,
        model: str,
        method: str,
        args: Sequence[object],
        named: Mapping[str, object],
        changes: bool,
    ) -> Any:
        if self._uid is None:
            who = [self._database, self._user.reveal(), self._key.reveal(), {}]
            uid = self._post("common", "authenticate", who, changes=False)
            if not uid:
                raise _refused()
            self._uid = int(uid)
        what = [self._database, self._uid, self._key.reveal(), model, method, list(args), named]
        return self._post("object", "execute_kw", what, changes=changes)

    def _post(self, service: str, method: str, args: Sequence[object], *, changes: bool) -> Any:
        params = {"service": service, "method": method, "args": list(args)}
        body = {"jsonrpc": "2.0", "method": "call", "params": params, "id": 1}
        answer = post(self._url, body, system="Odoo", changes=changes, timeout=self._timeout)
        if not isinstance(answer, dict) or not {"error", "result"} & set(answer):
            raise TargetError("What answers is no Odoo. Check ODOO_URL.")
        if "error" in answer:
            raise _error(answer["error"])
        return answer["result"]


class _SignedOut(TargetError):
    """There is no such user and key, or no longer."""


class Refused(TargetError):
    """Odoo took nothing of a call, because of what was in it."""


def _refused() -> _SignedOut:
    return _SignedOut(
        "Odoo refuses the user or the key. Check ODOO_USER, ODOO_API_KEY and the database."
    )


def _error(error: Mapping[str, Any]) -> TargetError:
    """Return what an error in the body of an answer stands for.

    Odoo has undone the call where it answers so; the trace it sends along is not told on.
    """
    data = error.get("data") or {}
    kind, said = str(data.get("name", "")), plain(data.get("message") or error.get("message", ""))
    short = kind.rpartition(".")[2]
    if error.get("code") == _EXPIRED or short in {"SessionExpiredException", "AccessDenied"}:
        return _refused()
    text = f"{kind} {said}".lower()
    if "does not exist" in text and "database" in text:
        return TargetError("Odoo has no such database. Check ODOO_DB or the address.")
    if any(word in text for word in _LOCKS):
        return TargetBusy("Odoo is busy with the same records.")
    if "x_mmm_" in text:
        return TargetError("Odoo lacks fields for scores. Create them first: mmm score prepare.")
    if short in {"AccessError", "UserError", "ValidationError", "MissingError"}:
        return Refused(f"Odoo refuses: {said}")
    return TargetError(
        f"Odoo failed with {short or 'an error'}: {said}. Look into the log of Odoo."
    )


def connect(address: str, environ: Mapping[str, str]) -> Connection:
    """Return the system that an address names, not yet called.

    Raises
    ------
    ConfigError
        If the address cannot be used, or a credential is missing.
    """
    place = read_place(address or need_secret("ODOO_URL", environ).reveal(), "ODOO_URL")
    database = place.database or environ.get("ODOO_DB", "")
    if not database:
        raise ConfigError(
            "No database is named. Set ODOO_DB, or write it behind the host, such as "
            "https://example.odoo.com/example."
        )
    user, key = (need_secret(f"ODOO_{name}", environ) for name in ("USER", "API_KEY"))
    return Connection(Place(place.url, database), user, key)
