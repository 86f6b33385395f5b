"""The brief: one self-contained page that says who earned the deals, and at what cost.

The page loads nothing, runs nothing and sends nothing: its policy allows one style sheet, known by
its hash. What comes from the user's tables is escaped and set apart with ``<bdi>``.
"""

import base64
import hashlib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup, escape

from mmm import wording
from mmm.errors import InputError, SourceError, quoted
from mmm.funnel.economics import TOTAL
from mmm.report.health import print_health
from mmm.report.ledger import Ledger, print_costs
from mmm.run.health import Health
from mmm.wording import Finding

CREDIT_COLUMNS = ("model", "channel", "credit", "share", "lower", "upper", "n_deals")
COST_COLUMNS = ("channel", "spend", "customers", "cac")
MAX_NAME = 120
# Marks set around a name until the sentence is escaped; names that hold them lose them.
_OPEN, _CLOSE = "\ue000", "\ue001"


@dataclass(frozen=True, eq=False)
class Brief:
    """What the page is made from.

    Attributes
    ----------
    company : str
        Name at the top of the page.
    as_of : date
        Day up to which the data go.
    period : tuple of (date, date)
        First and last day on which the deals were won.
    credit : DataFrame or None
        Value won, one row a model and channel: model, channel, credit (Decimal or float), share,
        lower, upper (interval of the share, missing where there is none) and n_deals; a row
        ``(unattributed)`` where it is not 0. Every model sums to the same total.
    deals : DataFrame or None
        The same measured in deals. At least one of the two is needed.
    economics : DataFrame or None
        One row a channel: channel, spend (missing where unknown), customers, cac and, where
        known, cac_lower, cac_upper and credit.
    currency : str
        Three-letter code of every amount.
    headline : str
        Model that orders the rows and has its interval shown.
    level : float
        Level of the intervals.
    health : Health or None
        The funnel: indicators, stages, forecast, warning signs, state of the data.
    findings : tuple of Finding
        The two to four sentences that answer; none: the leader and the unattributed part.
    disagreements : tuple of Finding
        Of which channels the models differ, and why.
    limits : tuple of Finding
        What the data cannot say, besides what always holds.
    manifest : mapping
        ``version``, ``inputs`` (name, rows and sha256 of each table), ``settings`` (name to
        value).
    """

    company: str
    as_of: date
    period: tuple[date, date]
    credit: pd.DataFrame | None = None
    deals: pd.DataFrame | None = None
    economics: pd.DataFrame | None = None
    currency: str = "EUR"
    headline: str = "markov"
    level: float = 0.9
    health: Health | None = None
    findings: tuple[Finding, ...] = ()
    disagreements: tuple[Finding, ...] = ()
    limits: tuple[Finding, ...] = ()
    manifest: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.credit is None and self.deals is None:
            raise InputError("A brief needs credit in money or in deals; pass credit= or deals=.")
        for name, frame in (("credit", self.credit), ("deals", self.deals)):
            if frame is not None:
                _check_credit(name, frame, self.headline)
        if self.economics is not None:
            _check_columns("economics", self.economics, COST_COLUMNS)


def render_brief(brief: Brief, lang: str = "en") -> str:
    """Write the page as HTML.

    Parameters
    ----------
    brief : Brief
        What to show.
    lang : {"en", "it"}
        Language of the page.

    Returns
    -------
    str
        A complete HTML document that refers to nothing outside itself.

    Examples
    --------
    >>> import pandas as pd
    >>> from datetime import date
    >>> credit = pd.DataFrame({
    ...     "model": "markov", "channel": ["webinar", "fair"], "credit": [300.0, 100.0],
    ...     "share": [0.75, 0.25], "lower": [0.6, 0.1], "upper": [0.9, 0.4], "n_deals": [3, 2],
    ... })
    >>> period = (date(2025, 1, 1), date(2025, 6, 30))
    >>> page = render_brief(Brief("Acme", date(2025, 7, 3), period, credit), lang="it")
    >>> "webinar</bdi> è il canale con la quota più alta" in page
    True
    """
    style = _template("brief.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FunctionLoader(_template),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("brief.html").render(
        lang=lang,
        style=Markup(style),
        style_hash=digest,
        company=_clean(brief.company, lang),
        t=partial(_said, lang=lang),
        name=partial(_label, "channel", lang=lang),
        label=partial(_label, lang=lang),
        known=lambda group, name: f"{group}.{name}" in wording.entries(),
        **_content(brief, lang),
    )


def write_brief(brief: Brief, path: str | Path, lang: str = "en") -> Path:
    """Write the page to a file, in UTF-8.

    Raises
    ------
    SourceError
        If the file cannot be written.
    """
    page, target = render_brief(brief, lang), Path(path)
    try:
        target.write_bytes(page.encode())
    except OSError as error:
        raise SourceError(
            f"The brief cannot be written to {str(target)!r} ({error.strerror}); "
            "choose a file in a folder that exists and that you may write to."
        ) from error
    return target


def _check_columns(name: str, frame: pd.DataFrame, columns: Sequence[str]) -> None:
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise InputError(
            f"The frame {name} lacks {quoted(missing)}; it has {quoted(map(str, frame.columns))}. "
            f"Pass one with {quoted(columns)}."
        )


def _check_credit(name: str, frame: pd.DataFrame, headline: str) -> None:
    """Refuse a frame whose columns would not add up to one total."""
    _check_columns(name, frame, CREDIT_COLUMNS)
    models = list(dict.fromkeys(frame["model"]))
    if headline not in models:
        raise InputError(
            f"The headline model {headline!r} is not in {name}, which has {quoted(models)}; "
            "name one of these as headline=."
        )
    for column in ("model", "channel", "credit"):
        if bool(frame[column].isna().any()):
            raise InputError(f"The frame {name} has rows without {column}; fill them or drop them.")
    twice = frame.loc[frame.duplicated(["model", "channel"]), "channel"]
    if len(twice):
        channels = quoted(dict.fromkeys(twice))
        raise InputError(
            f"The frame {name} has more than one row for a model and {channels}; "
            "pass one row a model and channel."
        )
    totals = {
        str(model): float(sum(part)) for model, part in frame.groupby("model", sort=False)["credit"]
    }
    for model, total in totals.items():
        if abs(total - totals[headline]) > max(0.005, 1e-9 * abs(total)):
            raise InputError(
                f"In {name} the model {model!r} sums to {total:.2f} and {headline!r} to "
                f"{totals[headline]:.2f}; credit every model from the same journeys."
            )


def _content(brief: Brief, lang: str) -> dict[str, Any]:
    """Turn the brief into the texts of the template, so that it decides nothing."""
    money = partial(wording.format_money, currency=brief.currency, lang=lang)
    count = partial(wording.format_count, lang=lang, digits=1)
    credit = None if brief.credit is None else Ledger.read(brief.credit, brief.headline, 0)
    deals = None if brief.deals is None else Ledger.read(brief.deals, brief.headline, 1)
    first = credit or deals
    assert first is not None  # a Brief holds at least one of the two
    manifest = brief.manifest
    return {
        "facts": {
            "model": brief.headline,
            "level": brief.level,
            "total": first.total,
            "currency": brief.currency,
            "first": brief.period[0],
            "last": brief.period[1],
            "as_of": brief.as_of,
        },
        "figures": _figures(credit, deals, brief.currency, lang),
        "findings": [_sentence(one, lang) for one in brief.findings or _answer(brief, first)],
        "models": first.models,
        "disagreements": [_sentence(one, lang) for one in brief.disagreements],
        "has_interval": first.has_interval,
        "credit": credit and credit.printed(money, lang),
        "deals": deals and deals.printed(count, lang),
        "cost": None
        if brief.economics is None
        else print_costs(_lines(brief.economics), money, lang),
        "health": brief.health
        and print_health(
            brief.health,
            brief.currency,
            brief.level,
            lang,
            partial(_sentence, lang=lang),
            brief.economics,
        ),
        "limits": [_sentence(one, lang) for one in _limits(brief, first)],
        "inputs": [
            (str(one["name"]), wording.format_count(one["rows"], lang), str(one["sha256"])[:12])
            for one in manifest.get("inputs", ())
        ],
        "settings": [(str(k), _plain(v)) for k, v in manifest.get("settings", {}).items()],
        "version": manifest.get("version"),
    }


def _lines(economics: pd.DataFrame) -> pd.DataFrame:
    """Leave out the total, which the page adds up itself from what it prints."""
    return economics[economics["channel"] != TOTAL]


def _figures(
    credit: Ledger | None, deals: Ledger | None, currency: str, lang: str
) -> list[tuple[str, str]]:
    """Pair label and text of the key figures under the title."""
    ledger = credit or deals
    figures = []
    if credit is not None:
        won = wording.format_money(credit.total, currency, lang)
        figures.append(("page.value_won", won))
    if deals is not None:
        digits = 0 if deals.total == int(deals.total) else 1
        figures.append(("page.deals_won", wording.format_count(deals.total, lang, digits)))
    if ledger is not None:
        figures.append(("page.channels_seen", wording.format_count(ledger.n_channels, lang)))
    return figures


def _answer(brief: Brief, ledger: Ledger) -> Iterable[Finding]:
    """Name the leader, for a brief that brings no findings of its own."""
    leader = ledger.leader
    if leader is None:
        return
    facts = {
        "channel": leader.channel,
        "credit": leader.credit[brief.headline],
        "share": leader.share[brief.headline],
        "total": ledger.total,
        "n": ledger.total,
        "model": brief.headline,
        "currency": brief.currency,
    }
    key = "attribution.leader_deals" if brief.credit is None else "attribution.leader"
    yield Finding(key, leader.share[brief.headline], facts=facts)


def _limits(brief: Brief, ledger: Ledger) -> list[Finding]:
    """Put what always holds around what the caller found; each limit once."""
    first, last = brief.period
    days = (last - first).days + 1
    standing = [Finding("limits.presence", None)]
    if ledger.has_interval:
        standing.append(Finding("limits.interval", brief.level, facts={"level": brief.level}))
    if ledger.unattributed is not None:
        facts = {
            "credit": ledger.unattributed.credit[brief.headline],
            "share": ledger.unattributed.share[brief.headline],
            "currency": brief.currency,
        }
        of = "unattributed_deals" if brief.credit is None else "unattributed"
        standing.append(Finding(f"limits.{of}", facts["share"], facts=facts))
    standing.append(
        Finding("limits.period", days, facts={"days": days, "first": first, "last": last})
    )
    closing = Finding("limits.experiment", None)
    own = {one.metric for one in brief.limits}
    kept = [one for one in standing if one.metric not in own]
    return [*kept, *brief.limits, *([] if closing.metric in own else [closing])]


def _said(key: str, lang: str, **facts: object) -> Markup:
    mark = partial(_marked, lang=lang)
    return _unmarked(wording.say(key, lang, mark=mark, **facts))


def _sentence(finding: Finding, lang: str) -> Markup:
    return _unmarked(finding.sentence(lang, mark=partial(_marked, lang=lang)))


def _marked(name: str, lang: str) -> str:
    return f"{_OPEN}{_clean(name, lang)}{_CLOSE}"


def _unmarked(text: str) -> Markup:
    """Escape a sentence, its names set apart by elements."""
    return Markup(str(escape(text)).replace(_OPEN, "<bdi>").replace(_CLOSE, "</bdi>"))


def _label(group: str, name: object, lang: str) -> Markup:
    """Translate a name of ours, set apart a name that is not."""
    key = f"{group}.{name}"
    if key in wording.entries():
        return escape(wording.say(key, lang))
    return _unmarked(_marked(str(name), lang))


def _clean(name: str, lang: str) -> str:
    """Show control characters and broken code points as such, and shorten what is endless."""
    # Cc control, Cs lone surrogate (no UTF-8), Co private use (our marks), Cn unassigned
    shown = "".join(
        "\ufffd" if unicodedata.category(one) in {"Cc", "Cs", "Co", "Cn"} else one
        for one in name.strip()
    )
    if not shown:
        return wording.say("page.no_name", lang)
    return shown if len(shown) <= MAX_NAME else f"{shown[:MAX_NAME]}…"


def _plain(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(str(one) for one in value) or "–"
    return str(value)


def _template(name: str) -> str:
    source = resources.files("mmm.report").joinpath("templates").joinpath(name)
    # The style is hashed as the browser reads it: with line feeds, whatever the checkout wrote.
    return source.read_text(encoding="utf-8").replace("\r\n", "\n")
