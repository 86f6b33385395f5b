"""The official client of HubSpot: opening it, calling, and what its errors mean."""

import importlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from mmm.crm.credentials import Secret, need_secret
from mmm.crm.http import (
    TIMEOUTS,
    check_url,
    no_answer,
    patiently,
    plain,
    refusal,
    retry_after,
)
from mmm.errors import MissingLibraryError, TargetError, TargetUnsure

_URL = "https://api.hubapi.com"


def open_account(environ: Mapping[str, str]) -> "Account":
    """Take the token from the environment or the keyring; nothing is called yet.

    Raises
    ------
    ConfigError
        If ``HUBSPOT_TOKEN`` is not set.
    MissingLibraryError
        If ``hubspot-api-client`` is not installed.
    """
    url = check_url(environ.get("HUBSPOT_API_URL", _URL), "HUBSPOT_API_URL")
    return Account(need_secret("HUBSPOT_TOKEN", environ), url)


class Account:
    """The official client, told not to repeat calls by itself, and one way to use it.

    Parameters
    ----------
    token : Secret
    url : str
        Where the interface is.
    """

    def __init__(self, token: Secret, url: str = _URL) -> None:
        try:
            library = importlib.import_module("hubspot")
        except ImportError as error:
            raise MissingLibraryError(
                "hubspot-api-client is needed for HubSpot. Run: pip install hubspot-api-client"
            ) from error
        self._token = token
        self._network = importlib.import_module("urllib3.exceptions").HTTPError
        # Whoever writes the scores decides on repeating: only there it is known what was written.
        client = library.Client.create(access_token=token.reveal(), host=url, retry=False)
        self.batch = client.crm.objects.batch_api
        self.search = client.crm.objects.search_api
        self.associations = client.crm.associations.v4.batch_api
        self.properties = client.crm.properties.core_api
        self.property_batch = client.crm.properties.batch_api
        self.groups = client.crm.properties.groups_api

    def ask(self, send: Callable[..., Any], *arguments: object) -> dict[str, Any]:
        """Make a call that only reads, again where HubSpot is busy."""
        return patiently(lambda: self.call(send, *arguments))

    def call(self, send: Callable[..., Any], *arguments: object) -> dict[str, Any]:
        """Make one call, and return its answer.

        Raises
        ------
        TargetBusy, TargetUnsure, TargetError
            As `mmm.crm.target.Target` says.
        """
        try:
            # Read here: the client would log the answer, and refuse what is newer than itself.
            reply = send(*arguments, _preload_content=False, _request_timeout=TIMEOUTS)
            text = reply.data
        except self._network as error:
            raise no_answer("HubSpot", error) from None
        except Exception as error:
            raise self._refused(error) from None
        try:
            answer = json.loads(text) if text else {}
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise TargetUnsure("HubSpot answered with something that is not JSON.")
        return answer

    def close(self) -> None:
        """Let go of the connections."""
        for part in (self.batch, self.search, self.associations, self.properties, self.groups):
            part.api_client.rest_client.pool_manager.clear()
        self.property_batch.api_client.rest_client.pool_manager.clear()

    def _refused(self, error: Exception) -> Exception:
        """Return what an exception of the client means; its classes differ from part to part."""
        # Over an answer that has no text the client fails again, while it handles the first error.
        inside: Any = error if hasattr(error, "status") else error.__context__
        if not (hasattr(inside, "status") and hasattr(inside, "headers")):
            return error
        if not inside.status:  # TLS
            return no_answer("HubSpot", Exception(str(inside.reason)))
        said, wait = _error_body(inside.body), retry_after(inside.headers or {})
        if inside.status == 401:
            return TargetError(
                "HubSpot refuses the token. Set HUBSPOT_TOKEN to the token of a private app."
            )
        if said.get("policyName") == "DAILY":
            message = "The calls of today are used up. Go on tomorrow."
        else:
            wait = wait if wait is not None else _pause(inside.status, inside.headers or {})
            message = f"{said.get('category', inside.reason)}: {said.get('message', '')}"
        message = f"HubSpot says {inside.status}: {plain(self._token.hide(message))}"
        if "PROPERTY_DOESNT_EXIST" in str(said):
            message += " Create the properties mmm_... first: mmm score prepare."
        return refusal(inside.status, message, wait)


def _error_body(text: object) -> dict[str, Any]:
    try:
        said = json.loads(str(text))
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _pause(status: int, headers: Mapping[str, str]) -> float | None:
    """Return the seconds of the window that a limit counts in; of a lock, the documented two."""
    if status == 423:
        return 2.0
    window = headers.get("X-HubSpot-RateLimit-Interval-Milliseconds", "")
    return int(window) / 1000.0 if status == 429 and window.isdecimal() else None
