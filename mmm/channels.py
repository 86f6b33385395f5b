"""Channels: source, medium and campaign become one channel name for touches, leads and spend."""

import fnmatch
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, quoted

UNMATCHED = "(unmatched)"
FIELDS = ("channel", "source", "medium", "campaign")
_PLACEHOLDERS_EN = ("unknown", "(not set)", "not set", "(not provided)", "n/a", "select", "none")
_PLACEHOLDERS_IT = ("sconosciuto", "sconosciuta", "non noto", "non specificato", "n.d.", "nessuno")
PLACEHOLDERS = frozenset((*_PLACEHOLDERS_EN, *_PLACEHOLDERS_IT, "-", "--", "?"))


@dataclass(frozen=True)
class ChannelRule:
    """One rule: the channel of every row whose fields match all the patterns given.

    Attributes
    ----------
    channel : str
        Name given to matching rows.
    source, medium, campaign : str
        Patterns without regard to case: ``*`` and ``?`` as in file names, ``|`` between
        alternatives; empty matches anything, also a missing value.

    Examples
    --------
    >>> ChannelRule("Events", source="fiera*|expo*")
    ChannelRule(channel='Events', source='fiera*|expo*', medium='', campaign='')
    """

    channel: str
    source: str = ""
    medium: str = ""
    campaign: str = ""

    def __post_init__(self) -> None:
        if not self.channel or not (self.source or self.medium or self.campaign):
            raise ConfigError(
                f"the channel rule {self.channel!r} names no channel or matches everything. "
                "Give a channel and at least one of source, medium and campaign."
            )

    def matches(self, source: str, medium: str, campaign: str) -> bool:
        """Tell whether lower-case field values, empty where missing, satisfy the rule."""
        return all(
            not pattern or _compiled(pattern).fullmatch(value) is not None
            for pattern, value in (
                (self.source, source),
                (self.medium, medium),
                (self.campaign, campaign),
            )
        )


_cache: dict[str, re.Pattern[str]] = {}


def _compiled(pattern: str) -> re.Pattern[str]:
    if pattern not in _cache:
        parts = [fnmatch.translate(part.strip().lower()) for part in pattern.split("|")]
        _cache[pattern] = re.compile("|".join(parts))
    return _cache[pattern]


_EVENTS = "event*|fiera*|fiere*|trade?show*|tradeshow*|expo*|convegno*|conference*|seminar*"
_SEARCH = "google*|bing*|yahoo*|duckduckgo*|ecosia*|baidu*|qwant*|yandex*"
_SOCIAL = (
    "facebook*|fb|meta|instagram*|ig|linkedin*|lnkd*|tiktok*|twitter*|x|x.com|t.co|youtube*|"
    "pinterest*"
)
_PAID = "cpc|ppc|paid*|sem|sea|ads|cpm|cpv|cpa|a pagamento*|sponsor*"

DEFAULT_RULES = (
    ChannelRule("Display", medium="*display*|programmatic|gdn|banner*"),
    ChannelRule("Display", source="*display*|banner*|programmatic*|criteo*|dv360*"),
    ChannelRule("Webinar", source="*webinar*"),
    ChannelRule("Webinar", medium="*webinar*"),
    ChannelRule("Events", medium=_EVENTS),
    ChannelRule("Events", source=_EVENTS),
    ChannelRule("Partner", medium="partner*|reseller*|rivenditor*|distribut*"),
    ChannelRule("Partner", source="partner*|reseller*|rivenditor*|distribut*|*agente*|agenti*"),
    ChannelRule("Affiliate", medium="affiliat*"),
    ChannelRule("Affiliate", source="affiliat*"),
    ChannelRule("Paid social", source=_SOCIAL, medium=_PAID),
    ChannelRule("Paid social", medium="paid?social|social?paid|paidsocial|social?ads|paid?video"),
    ChannelRule(
        "Paid social", source="paid?social|social?paid|*social?ads|*linkedin?ads|paid?video"
    ),
    ChannelRule("Paid social", source="social a pagamento*|social media a pagamento*"),
    ChannelRule("Paid social", source="facebook?ads|meta?ads|tiktok?ads|instagram?ads"),
    ChannelRule("Paid search", source=_SEARCH, medium=_PAID),
    ChannelRule("Paid search", medium="cpc|ppc|sem|sea|paid?search|paidsearch"),
    ChannelRule("Paid search", source="google?ad*|adwords|bing?ads|microsoft?ads|paid?search|sem"),
    ChannelRule("Paid search", source="ricerca a pagamento*|*search?ads|search?advertising"),
    ChannelRule("Email", medium="e-mail*|email*|newsletter*|dem|mailing*"),
    ChannelRule("Email", source="e-mail*|email*|newsletter*|dem|mailing*|mailchimp*|mailup*"),
    ChannelRule("Organic social", source=_SOCIAL),
    ChannelRule("Organic social", medium="social*|sm|organic?social|organic?video"),
    ChannelRule("Organic social", source="social*|organic?social|organic?video|*twitter*"),
    ChannelRule("Organic search", source=_SEARCH, medium="organic*|organico|referral|"),
    ChannelRule("Organic search", medium="organic*|organico|seo"),
    ChannelRule("Organic search", source="organic*|seo|ricerca organica"),
    ChannelRule("Organic search", source=_SEARCH),
    ChannelRule("Outbound", medium="outbound*|cold?call*|telemarketing*|telefon*|phone*"),
    ChannelRule("Outbound", source="outbound*|cold?call*|telemarketing*|prospecting*"),
    ChannelRule("Phone", source="telefon*|phone*|call?in*|inbound?call*"),
    ChannelRule("Word of mouth", source="passaparola*|word?of?mouth*|conoscenza*"),
    ChannelRule("Referral", medium="referral*|referenza*"),
    ChannelRule("Referral", source="*referral*|reference|cliente esistente*|referenza*"),
    ChannelRule("Direct", source="(direct)*|direct*|diretto*|traffico diretto*"),
    ChannelRule("Direct", medium="(none)|direct*"),
    ChannelRule("Offline", source="offline|offline?sources|fonti offline|origini offline"),
    ChannelRule("Website", source="sito*|web?site*|web|website*|form*|contact?us*|chat*|*chat"),
    ChannelRule("Press", source="stampa*|press*|rivista*|magazine*"),
    ChannelRule("Press", medium="stampa*|press*|print*|rivista*"),
    ChannelRule("Other", source="other*|altro|altri|altre*"),
)


# What is paid for is not organic, unless somebody wrote that it is.
_PAID_FOR = {"Organic social": "Paid social", "Organic search": "Paid search"}


@dataclass(frozen=True)
class ChannelMap:
    """Ordered rules from source, medium and campaign to a channel; the first match wins.

    Attributes
    ----------
    rules : tuple of ChannelRule
        The company's own rules, asked first.
    names : mapping of str to str
        Spellings of channel names to unify: ``{"Google Ads": "Paid search"}``; asked before any
        rule, without regard to case, where a table has its own channel column.
    defaults : bool
        Whether the usual UTM and CRM spellings, English and Italian, follow.

    Examples
    --------
    >>> ChannelMap().name(source="google", medium="cpc")
    'Paid search'
    >>> own = ChannelMap.from_rules([{"channel": "Events", "campaign": "mecspe*"}])
    >>> own.name(source="newsletter", medium="email", campaign="MECSPE 2025")
    'Events'
    >>> ChannelMap().name(source="google / organic")
    'Organic search'
    >>> ChannelMap().name(source="xyz") is None
    True
    """

    rules: tuple[ChannelRule, ...] = ()
    names: Mapping[str, str] | None = None
    defaults: bool = True

    @classmethod
    def from_rules(
        cls,
        rules: Iterable[Mapping[str, str]],
        names: Mapping[str, str] | None = None,
        defaults: bool = True,
    ) -> Self:
        """Build from plain mappings with the keys channel, source, medium and campaign.

        Raises
        ------
        ConfigError
            For an unknown key, or a rule that matches everything.
        """
        built = []
        for rule in rules:
            unknown = set(rule) - set(FIELDS)
            if unknown:
                raise ConfigError(
                    f"a channel rule has the key {quoted(sorted(unknown))}. Use {quoted(FIELDS)}."
                )
            built.append(ChannelRule(**dict(rule)))
        return cls(tuple(built), dict(names or {}), defaults)

    def name(
        self,
        channel: str | None = None,
        source: str | None = None,
        medium: str | None = None,
        campaign: str | None = None,
        *,
        paid: bool = False,
    ) -> str | None:
        """Return the channel of one row, or None where no rule matches.

        A channel that the row already names is kept, respelled as `names` says; a placeholder such
        as "unknown" or "(not set)" counts as missing. A `paid` row, which is spend, that names a
        network or a search engine and no medium is paid social or paid search.

        Examples
        --------
        >>> ChannelMap().name(source="LinkedIn"), ChannelMap().name(source="LinkedIn", paid=True)
        ('Organic social', 'Paid social')
        """
        given = _filled(channel)
        if given:
            unified = {old.lower(): new for old, new in (self.names or {}).items()}
            return str(unified.get(given.lower(), given))
        where, how, what = (_filled(value).lower() for value in (source, medium, campaign))
        if " / " in where and not how:  # "google / cpc", as Google Analytics writes it
            where, how = where.split(" / ", 1)
        for rule in self.rules:
            if rule.matches(where, how, what):
                return rule.channel
        for rule in DEFAULT_RULES if self.defaults else ():
            if rule.matches(where, how, what):
                organic = "organic" in where or where.startswith("seo")
                open_to = paid and not how and not organic
                return _PAID_FOR.get(rule.channel, rule.channel) if open_to else rule.channel
        return None

    def assign(self, frame: pd.DataFrame) -> "pd.Series[str]":
        """Return the channel of every row of a table.

        Parameters
        ----------
        frame : pandas.DataFrame
            With some of channel, source, medium and campaign.

        Returns
        -------
        pandas.Series of str
            ``"(unmatched)"`` where something is written and no rule matches; missing where
            nothing, or only a placeholder, is written.
        """
        fields = _fields(frame)
        paid = "spend" in frame.columns
        unique, which = _distinct(fields)
        channels = []
        for row in unique.itertuples(index=False):
            values = dict(zip(unique.columns, row, strict=True))
            found = self.name(**values, paid=paid)
            written = any(_filled(value) for value in values.values())
            channels.append(found or (UNMATCHED if written else None))
        named = pd.Series(channels, dtype="str").take(which)
        return named.set_axis(frame.index)

    def taken_as_paid(self, spend: pd.DataFrame) -> dict[str, str]:
        """Return the sources of a spend table that are read as paid since they have spend.

        Returns
        -------
        dict of str to str
            Source, as it is written, to its channel.

        Examples
        --------
        >>> spend = pd.DataFrame({"source": ["LinkedIn", "google"], "medium": ["", "cpc"],
        ...     "spend": [900, 400]})
        >>> ChannelMap().taken_as_paid(spend)
        {'LinkedIn': 'Paid social'}
        """
        if "source" not in spend.columns:
            return {}
        found: dict[str, str] = {}
        for row in _fields(spend).drop_duplicates().to_dict("records"):
            values = {str(name): value for name, value in row.items()}
            channel = self.name(**values, paid=True)
            if channel is not None and channel != self.name(**values):
                found[str(values["source"])] = channel
        return found

    def unmatched(self, frame: pd.DataFrame, value: str | None = None) -> pd.DataFrame:
        """List what no rule matches, with its rows and euros.

        Parameters
        ----------
        frame : pandas.DataFrame
            Touches, leads or spend.
        value : str, optional
            Money column to add up: spend or cost; found by itself where None.

        Returns
        -------
        pandas.DataFrame
            source, medium, campaign (those present), rows, value; the largest first.
        """
        money = value or next((c for c in ("spend", "cost", "value") if c in frame.columns), None)
        fields = _fields(frame)
        rows = (self.assign(frame) == UNMATCHED).to_numpy(dtype=bool, na_value=False)
        given = frame.loc[rows, money] if money else [None] * int(rows.sum())
        amounts = [amount if isinstance(amount, Decimal) else Decimal(0) for amount in given]
        table = fields[rows].assign(value=pd.Series(amounts, dtype=object).to_numpy(), rows=1)
        grouped = table.groupby(list(fields.columns), dropna=False, as_index=False).agg(
            rows=("rows", "sum"), value=("value", "sum")
        )
        return grouped.sort_values(["value", "rows"], ascending=False, ignore_index=True)


def _distinct(fields: pd.DataFrame) -> tuple[pd.DataFrame, "npt.NDArray[np.int64]"]:
    """Return the rows that differ, and for each row which of them it is; nothing equals nothing."""
    codes = np.zeros(len(fields), dtype=np.int64)
    for name in fields.columns:
        own, _ = pd.factorize(fields[name], use_na_sentinel=False)
        codes, _ = pd.factorize(codes * (int(own.max(initial=0)) + 1) + own)
    first = np.full(int(codes.max(initial=-1)) + 1, len(fields), dtype=np.int64)
    np.minimum.at(first, codes, np.arange(len(fields)))
    return fields.iloc[first], codes


def _filled(value: object) -> str:
    """Return trimmed text; empty for a missing value or a placeholder."""
    text = value.strip() if isinstance(value, str) else ""
    return "" if text.lower() in PLACEHOLDERS else text


def _fields(frame: pd.DataFrame) -> pd.DataFrame:
    present = [name for name in FIELDS if name in frame.columns]
    if not present:
        raise ConfigError(
            f"the table has none of {quoted(FIELDS)}; found {quoted(frame.columns)}. "
            "Rename a column, or pass columns=."
        )
    return frame[present].reset_index(drop=True)
