"""Signals of intent in touches, and the kind of a mail address, English and Italian."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError

SIGNALS: Mapping[str, str] = {
    "price_page": r"\bpric(e|es|ing)\b|\bprezz[io]|\blistin[io]\b|\btariff|\bquot(e|es|ation)\b"
    r"|\bpreventiv[oi]\b",
    "demo_request": r"\bdemo\b|\bcontact( us| form| request|s)?\b|\bcontatt(i|aci|o)\b|\bmeeting\b"
    r"|\bappuntament[oi]\b|\bcall ?back\b|\brichiama(mi|ta)\b|\bconsulenza\b|\btrial\b"
    r"|\bprova gratuita\b",
    "form": r"\bform\b|\bmodulo\b|\bdownload|\bwhite ?paper|\bebook\b|\bscaric(a|amento)\b"
    r"|\bregistra(tion|zione)\b",
    "webinar": r"\bwebinar|\bworkshop\b|\bevento online\b",
    "newsletter": r"\bnewsletter|\bdem\b|\bmailing\b",
}
FIELDS = ("content", "campaign", "source", "medium", "channel")
_FREE_MAIL = re.compile(
    r"(gmail|googlemail|yahoo|ymail|hotmail|outlook|live|msn|aol|icloud|me|gmx|web|proton|"
    r"protonmail|libero|virgilio|alice|tim|tin|tiscali|fastwebnet|inwind|iol|email|mail|orange|"
    r"wanadoo|laposte|free|t-online|freenet|yandex|qq|163|zoho|hushmail|vodafone|katamail|teletu)"
    r"\.(com?|it|fr|de|net|eu|es|me|ch|at|ru|example)(\.[a-z]{2})?"
)


def mark_signals(touches: pd.DataFrame, signals: Mapping[str, str] = SIGNALS) -> pd.DataFrame:
    """Tell which touches show each signal.

    Parameters
    ----------
    touches : pandas.DataFrame
        Some of content, campaign, source, medium and channel.
    signals : mapping of str to str
        Signal to a regular expression, searched in lower-case words: what is neither letter nor
        digit is a blank.

    Returns
    -------
    pandas.DataFrame of bool
        One column a signal, rows as `touches`.

    Raises
    ------
    ConfigError
        If an expression is none.

    Examples
    --------
    >>> touches = pd.DataFrame({"content": ["pricing_page", "Modulo contatti", None]})
    >>> marks = mark_signals(touches)
    >>> marks["price_page"].tolist(), marks["demo_request"].tolist()
    ([True, False, False], [False, True, False])
    """
    compiled = {name: _compiled(name, pattern) for name, pattern in signals.items()}
    found: dict[str, npt.NDArray[np.bool_]] = {
        name: np.zeros(len(touches), dtype=bool) for name in compiled
    }
    for field in FIELDS:
        if field not in touches.columns:
            continue
        codes, texts = pd.factorize(touches[field])
        plain = [re.sub(r"[\W_]+", " ", str(text)).strip().lower() for text in texts]
        for name, pattern in compiled.items():
            # The last place is that of a missing text, whose code is -1.
            hit = np.array([*(pattern.search(text) is not None for text in plain), False])
            found[name] |= hit[codes]
    return pd.DataFrame(found, index=touches.index)


def mail_kinds(addresses: "pd.Series[Any]") -> "pd.Series[str]":
    """Tell free mail addresses from those of a company.

    Parameters
    ----------
    addresses : pandas.Series
        Mail addresses, or domains.

    Returns
    -------
    pandas.Series of str
        "free", "company", or missing where there is no address.

    Examples
    --------
    >>> mail_kinds(pd.Series(["a@Gmail.com", "b@acme.it", "none"])).tolist()
    ['free', 'company', nan]
    """
    codes, texts = pd.factorize(addresses)
    kinds: list[str | None] = []
    for text in texts:
        domain = str(text).strip().lower().rsplit("@", 1)[-1]
        valid = re.fullmatch(r"[\w.-]+\.[a-z]{2,}", domain) is not None
        kinds.append(("free" if _FREE_MAIL.fullmatch(domain) else "company") if valid else None)
    filled = np.array([*kinds, None], dtype=object)[codes]
    return pd.Series(filled, index=addresses.index, dtype="str")


def _compiled(name: str, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ConfigError(
            f"the pattern of the signal {name!r} is no regular expression: {error}. Correct it."
        ) from error
