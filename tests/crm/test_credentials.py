"""Secrets are found, and never shown."""

import copy
import logging
import pickle
import sys
import traceback
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.crm import credentials
from mmm.crm.credentials import Secret, find_secret, need_secret
from mmm.errors import ConfigError

NAME = "HUBSPOT_TOKEN"


@pytest.fixture
def keyring(monkeypatch):
    """Install a keyring whose content the test fills."""
    kept = {}
    module, errors = ModuleType("keyring"), ModuleType("keyring.errors")
    errors.KeyringError = type("KeyringError", (Exception,), {})

    def get_password(service, name):
        if (service, name) not in kept:
            return None
        if isinstance(kept[service, name], Exception):
            raise kept[service, name]
        return kept[service, name]

    module.get_password, module.errors, module.kept = get_password, errors, kept
    monkeypatch.setitem(sys.modules, "keyring", module)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    return module


def test_the_environment_comes_before_the_keyring(keyring):
    keyring.kept["mmm", NAME] = "from the keyring"
    assert find_secret(NAME, {NAME: "from the environment"}).reveal() == "from the environment"
    assert find_secret(NAME, {NAME: ""}).reveal() == "from the keyring"
    assert find_secret("MMM_OTHER", {}) is None


def test_the_environment_of_the_process_is_the_default(monkeypatch, keyring):
    monkeypatch.setenv(NAME, "pat-1")
    assert need_secret(NAME) == Secret("pat-1")


def test_a_keyring_that_is_locked_or_missing_holds_nothing(keyring, monkeypatch):
    keyring.kept["mmm", NAME] = keyring.errors.KeyringError("locked")
    assert find_secret(NAME, {}) is None
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert find_secret(NAME, {}) is None


def test_a_missing_secret_is_told_with_both_places(keyring):
    with pytest.raises(ConfigError, match=r"environment .*keyring set mmm HUBSPOT_TOKEN"):
        need_secret(NAME, {})


WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=6, max_size=12).filter(
    lambda word: word not in repr(vars(credentials)) and word.strip()
)


@given(word=WORDS)
def test_a_secret_shows_itself_nowhere(word):
    secret = Secret(word)
    shown = [repr(secret), str(secret), f"{secret}", "%s" % secret, f"{[secret]} {(secret,)!r}"]  # noqa: UP031
    record = logging.LogRecord("mmm", 20, "x.py", 1, "token %s", (secret,), None)
    try:
        raise ValueError(f"no entry with {secret!r}")
    except ValueError as error:
        shown += [record.getMessage(), *traceback.format_exception(error)]
    assert not [text for text in shown if word in text]
    assert secret.reveal() == word


@given(word=WORDS)
def test_a_secret_is_hidden_in_what_others_say(word):
    import urllib.parse

    secret = Secret(word)
    said = [word, repr(word), urllib.parse.quote(word, safe=""), urllib.parse.quote_plus(word)]
    hidden = secret.hide(" | ".join(said))
    assert word not in hidden
    assert urllib.parse.quote_plus(word) not in hidden
    assert Secret("").hide("unchanged") == "unchanged"


def test_secrets_are_compared_by_what_they_hold_and_not_kept():
    assert {Secret("a"), Secret("a")} == {Secret("a")}
    assert (Secret("a") == "a", bool(Secret("")), bool(Secret("a"))) == (False, False, True)
    for keep in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError, match="not kept in files"):
            keep(Secret("a"))
