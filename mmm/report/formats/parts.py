"""Parts: the brief as sentences and plain tables, which every format but the page is made from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
from markupsafe import Markup

from mmm.funnel.economics import TOTAL
from mmm.report.brief import Brief
from mmm.report.content import gather
from mmm.report.editions import sections_of
from mmm.report.ledger import UNATTRIBUTED
from mmm.report.names import clean, plain, prose
from mmm.signal.triangulation import BASELINE
from mmm.wording import entries, exact, say

Kind = Literal["text", "money", "cents", "share", "chance", "count", "number", "date", "unit"]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    name : str
        The same in every language.
    title : str
        What the reader sees.
    kind : {"text", "money", "cents", "share", "chance", "count", "number", "date", "unit"}
        ``chance``: a probability; ``unit``: the unit stands in the column "unit" of the row.
    """

    name: str
    title: str
    kind: Kind


@dataclass(frozen=True, eq=False)
class Table:
    """A table of the brief: plain values, None where there is none.

    Attributes
    ----------
    name, title : str
    columns : tuple of Column
    rows : tuple of tuple
        Texts, numbers (Decimal for money to the cent), dates or None.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, eq=False)
class Part:
    """A part of the brief.

    Attributes
    ----------
    name, title : str
    sentences : tuple of str
    tables : tuple of Table
    """

    name: str
    title: str
    sentences: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()


def parts_of(brief: Brief, lang: str = "en", edition: str = "monthly") -> tuple[Part, ...]:
    """Take a brief apart, in the order of the page; parts without anything to say are left out.

    Parameters
    ----------
    brief : Brief
    lang : {"en", "it"}
    edition : {"weekly", "monthly", "quarterly"}
    """
    sections = sections_of(edition)
    content = gather(brief, sections, lang)
    makers: dict[str, Callable[[], Part]] = {
        "answer": lambda: _part("answer", lang, [*content["findings"], *content["care"]]),
        "indicators": lambda: _indicators(brief, content, lang),
        "budget": lambda: _budget(brief, content, lang),
        "channels": lambda: _part("channels", lang, [], [_channels(brief, lang)]),
        "credit": lambda: _credit(brief, content, lang),
        "together": lambda: _together(brief, content, lang),
        "stages": lambda: _part("stages", lang, [], [_stages(brief, lang)]),
        "outlook": lambda: _outlook(brief, content, lang),
        "calls": lambda: _calls(brief, lang),
        "agreement": lambda: _part("agreement", lang, _health(content, "agreement")),
        "signs": lambda: _part("signs", lang, [], [_signs(brief, lang)]),
        "quality": lambda: _part("quality", lang, _health(content, "mends")),
        "pilots": lambda: _part("pilots", lang, [], [_pilots(brief, lang)]),
        "limits": lambda: _part("limits", lang, content["limits"]),
    }
    chosen = [make() for name, make in makers.items() if name == "answer" or name in sections]
    chosen.append(_made(brief, lang))
    return tuple(part for part in chosen if part.sentences or part.tables)


def _part(
    name: str, lang: str, sentences: Iterable[Any], tables: Sequence[Table | None] = ()
) -> Part:
    filled = tuple(table for table in tables if table is not None and table.rows)
    return Part(name, say(f"part.{name}", lang), tuple(_plain(s) for s in sentences if s), filled)


def _plain(text: Any) -> str:
    """Return a sentence of the page as text; what cannot be shown in a name is replaced."""
    if isinstance(text, tuple):
        return " ".join(_plain(part) for part in text if part)
    marked = text if isinstance(text, Markup) else prose(str(text))
    return str(marked.striptags())


def _health(content: Mapping[str, Any], name: str) -> list[Any]:
    health = content["health"]
    return [] if health is None else list(health[name])


def _table(
    name: str, frame: pd.DataFrame, columns: Mapping[str, tuple[str, Kind]], lang: str, title: str
) -> Table:
    """Take from a frame the columns that it has; our name to its name and kind."""
    known = {ours: (theirs, kind) for ours, (theirs, kind) in columns.items() if theirs in frame}
    heads = tuple(Column(ours, _head(ours, lang), kind) for ours, (_, kind) in known.items())
    series = [[_paid(_value(v), kind) for v in frame[n]] for n, kind in known.values()]
    return Table(name, title, heads, tuple(zip(*series, strict=True)) if series else ())


def _paid(value: Any, kind: Kind) -> Any:
    """Return less than half a cent as nothing: no file shows 2.1e-275."""
    money = kind in ("money", "cents") and isinstance(value, float)
    return 0.0 if money and abs(value) < 0.005 else value


def _head(name: str, lang: str) -> str:
    return say(f"head.{name}", lang) if f"head.{name}" in entries() else name


def _value(value: Any) -> Any:
    """Return a plain value: None where it is missing or infinite."""
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, str):
        return _plain(value)
    if isinstance(value, pd.Timestamp):
        return value.date()
    try:
        number = exact(value)
    except ValueError:
        return None if value != value or value in (float("inf"), float("-inf")) else str(value)
    return int(number) if number == number.to_integral_value() and "E" not in str(number) else value


def _label(group: str, name: object, lang: str) -> str:
    key = "page.total" if name == TOTAL else f"{group}.{name}"
    return say(key, lang) if key in entries() else clean(str(name), lang)


def _labelled(frame: pd.DataFrame, lang: str, **groups: str) -> pd.DataFrame:
    named = {
        name: pd.Series(
            [_label(group, v, lang) if pd.notna(v) and v != "" else None for v in frame[name]],
            index=frame.index,
            dtype=object,
        )
        for name, group in groups.items()
        if name in frame
    }
    return frame.assign(**named)


def _indicators(brief: Brief, content: Mapping[str, Any], lang: str) -> Part:
    health = brief.health
    if health is None:
        return _part("indicators", lang, [])
    rows = tuple(
        (say(f"kpi.{k.name}", lang), *map(_value, (k.value, k.lower, k.upper)), k.unit, k.n)
        for k in health.indicators
    )
    names = ("indicator", "value", "lower", "upper", "unit", "n")
    kinds: tuple[Kind, ...] = ("text", "unit", "unit", "unit", "text", "count")
    columns = tuple(Column(n, _head(n, lang), k) for n, k in zip(names, kinds, strict=True))
    said = [*_health(content, "changes"), content["health"]["quiet"]]
    title = say("part.indicators", lang)
    return _part("indicators", lang, said, [Table("indicators", title, columns, rows)])


def _budget(brief: Brief, content: Mapping[str, Any], lang: str) -> Part:
    advice = brief.budget
    if advice is None:
        return _part("budget", lang, [])
    frame = _labelled(advice.table, lang, channel="channel", verdict="verdict", identified="rests")
    columns: dict[str, tuple[str, Kind]] = {"channel": ("channel", "text")}
    columns |= {n: (n, "cents") for n in ("current", "proposed", "recommended", "change")}
    columns |= {"verdict": ("verdict", "text")}
    romi = ("marginal_romi", "marginal_romi_lower", "marginal_romi_upper")
    columns |= {n: (n, "number") for n in romi}
    columns |= {"rests": ("identified", "text")}
    shown = content["budget"]
    said = [shown["summary"], *shown["findings"], *shown["notes"]]
    table = _table("budget", frame, columns, lang, say("part.budget", lang))
    return _part("budget", lang, said, [table])


def _channels(brief: Brief, lang: str) -> Table | None:
    if brief.economics is None:
        return None
    frame = _labelled(brief.economics, lang, channel="channel")
    columns: dict[str, tuple[str, Kind]] = {
        "channel": ("channel", "text"), "spend": ("spend", "cents"), "leads": ("leads", "count"),
        "cost_per_lead": ("cost_per_lead", "cents"), "customers": ("customers", "number"),
        "cac": ("cac", "cents"), "cac_lower": ("cac_lower", "cents"),
        "cac_upper": ("cac_upper", "cents"), "payback_months": ("payback_months", "number"),
        "credited": ("value", "cents"), "romi": ("romi", "number"),
    }  # fmt: skip
    filled = {ours: own for ours, own in columns.items() if _any(frame, own[0])}
    return _table("channels", frame, filled, lang, say("part.channels", lang))


def _any(frame: pd.DataFrame, name: str) -> bool:
    return name in frame and bool(frame[name].notna().any())


def _credit(brief: Brief, content: Mapping[str, Any], lang: str) -> Part:
    measures: list[tuple[str, pd.DataFrame | None, Kind]] = [
        ("credit_money", brief.credit, "cents"), ("credit_deals", brief.deals, "number"),
    ]  # fmt: skip
    tables = [
        _by_model(name, frame, kind, brief.headline, lang)
        for name, frame, kind in measures
        if frame is not None
    ]
    said = [*content["reasons"], *content["disagreements"]]
    return _part("credit", lang, said, tables)


def _by_model(name: str, frame: pd.DataFrame, kind: Kind, headline: str, lang: str) -> Table:
    """Put the models side by side, the headline first with its share and interval."""
    models = [headline, *(m for m in dict.fromkeys(frame["model"]) if m != headline)]
    of = {model: frame[frame["model"] == model].set_index("channel") for model in models}
    first = of[headline].sort_values("share", ascending=False, kind="stable")
    order = [c for c in first.index if c != UNATTRIBUTED]
    rest = [c for c in dict.fromkeys(frame["channel"]) if c not in order]
    rows = []
    for channel in [*order, *rest]:
        credit = [_at(of[model], channel, "credit") for model in models]
        shown = [_at(of[headline], channel, n) for n in ("share", "lower", "upper", "n_deals")]
        rows.append((_label("channel", channel, lang), *credit, *shown))
    columns = [Column("channel", _head("channel", lang), "text")]
    columns += [Column(model, _label("model", model, lang), kind) for model in models]
    columns += [Column(n, _head(n, lang), "share") for n in ("share", "share_lower", "share_upper")]
    columns += [Column("n_deals", _head("n_deals", lang), "count")]
    return Table(name, say(f"formats.{name}", lang), tuple(columns), tuple(rows))


def _together(brief: Brief, content: Mapping[str, Any], lang: str) -> Part:
    signal = brief.signal
    if signal is None:
        return _part("together", lang, [])
    money: dict[str, tuple[str, Kind]] = {"channel": ("channel", "text")}
    money |= {name: (name, "cents") for name in ("won", "pipeline", "total", "lower", "upper")}
    frame = _labelled(signal.pipeline, lang, channel="channel")
    tables = [_table("pipeline", frame, money, lang, say("formats.pipeline", lang))]
    if signal.models is not None:
        frame = signal.models.assign(verdict=signal.models["verdict"].str.replace(" ", "_"))
        frame.loc[frame["channel"] == BASELINE, "channel"] = say("together.baseline", lang)
        frame = _labelled(frame, lang, channel="channel", verdict="methods", grade="grade_of")
        names = ("attributed", "incremental", "experiment", "plan", "plan_lower", "plan_upper")
        columns: dict[str, tuple[str, Kind]] = {"channel": ("channel", "text")}
        columns |= {name: (name, "cents") for name in names}
        columns |= {"agreement": ("verdict", "text"), "rests": ("grade", "text")}
        title = say("formats.triangulation", lang)
        tables.append(_table("triangulation", frame, columns, lang, title))
    said = content["together"]
    return _part("together", lang, [*said["summary"], *said["judged"], *said["mixes"]], tables)


def _at(frame: pd.DataFrame, channel: Any, name: str) -> Any:
    return _value(frame.loc[channel, name]) if channel in frame.index else None


def _stages(brief: Brief, lang: str) -> Table | None:
    if brief.health is None or brief.health.stages is None:
        return None
    frame = _labelled(brief.health.stages, lang, stage="stage")
    last = frame["next_stage"].isna()
    frame = frame.astype({name: object for name in ("moved", "lost", "open")})
    frame.loc[last, ["moved", "lost", "open"]] = None
    columns: dict[str, tuple[str, Kind]] = {"stage": ("stage", "text")}
    columns |= {n: (n, "count") for n in ("entered", "moved", "lost", "open")}
    columns |= {n: (n, "share") for n in ("rate", "rate_lower", "rate_upper")}
    return _table("stages", frame, columns | {"days": ("days", "number")}, lang,
                  say("part.stages", lang))  # fmt: skip


def _outlook(brief: Brief, content: Mapping[str, Any], lang: str) -> Part:
    tables: list[Table | None] = []
    said: list[Any] = []
    if brief.health is not None and brief.health.forecast is not None:
        said.append(content["health"]["forecast"])
        frame = brief.health.forecast.to_frame()
        chosen = (frame["part"] == "total") & (frame["measure"] == "bookings")
        months: dict[str, tuple[str, Kind]] = {"month_end": ("end", "date")}
        months |= {"bookings": ("mean", "money"), "lower": ("lower", "money")}
        months |= {"upper": ("upper", "money")}
        shown = frame[chosen & (frame["month"] > 0)]
        tables.append(_table("forecast", shown, months, lang, say("part.outlook", lang)))
    if brief.work is not None:
        work: dict[str, tuple[str, Kind]] = {"owner": ("owner", "text")}
        work |= {n: (n, "number") for n in ("leads", "opportunities", "hours")}
        frame = _labelled(brief.work, lang, owner="owner")
        tables.append(_table("workload", frame, work, lang, say("formats.workload", lang)))
    return _part("outlook", lang, said, tables)


def _calls(brief: Brief, lang: str) -> Part:
    calls = brief.calls
    if calls is None:
        return _part("calls", lang, [])
    frame = calls.table.assign(reason=[one.get(lang) for one in calls.table["reason"]])
    frame = _labelled(frame, lang, next_action="next_step", channel="channel")
    columns: dict[str, tuple[str, Kind]] = {
        "lead_id": ("lead_id", "text"), "probability": ("probability", "chance"),
        "grade": ("grade", "text"), "expected_value": ("expected_value", "cents"),
        "next_action": ("next_action", "text"), "reason": ("reason", "text"),
        "owner": ("owner", "text"), "channel": ("channel", "text"),
        "age_days": ("age_days", "count"),
    }  # fmt: skip
    said = [finding.sentence(lang) for finding in (*calls.findings, *calls.notes)]
    table = _table("calls", frame, columns, lang, say("part.calls", lang))
    return _part("calls", lang, said, [table])


def _signs(brief: Brief, lang: str) -> Table | None:
    if brief.health is None:
        return None
    alignment = brief.health.alignment
    rows = tuple(
        (
            _label("alignment", f"name_{sign.name}", lang),
            _label("state", sign.state, lang),
            alignment.finding(sign.name).sentence(lang),
        )
        for sign in alignment.signs
    )
    names = ("sign", "state", "evidence")
    columns = tuple(Column(name, _head(name, lang), "text") for name in names)
    return Table("signs", say("part.signs", lang), columns, rows)


def _pilots(brief: Brief, lang: str) -> Table | None:
    if brief.budget is None or brief.budget.pilots is None:
        return None
    frame = _labelled(brief.budget.pilots, lang, channel="channel")
    columns: dict[str, tuple[str, Kind]] = {
        "channel": ("channel", "text"), "change": ("delta", "share"),
        "n_periods": ("n_periods", "count"), "chance": ("chance", "chance"),
        "test_value": ("value", "cents"), "net_value": ("net_value", "cents"),
    }  # fmt: skip
    return _table("pilots", frame, columns, lang, say("part.pilots", lang))


def _made(brief: Brief, lang: str) -> Part:
    manifest = brief.manifest
    inputs = tuple(
        (str(one["name"]), _value(one["rows"]), str(one["sha256"]))
        for one in manifest.get("inputs", ())
    )
    settings = tuple(
        (str(name), plain(value)) for name, value in sorted(manifest.get("settings", {}).items())
    )
    heads = [("table", "text"), ("rows", "count"), ("fingerprint", "text")]
    read = tuple(Column(n, _head(n, lang), k) for n, k in heads)  # type: ignore[arg-type]
    pair = tuple(Column(name, _head(name, lang), "text") for name in ("setting", "value"))
    tables = [
        Table("inputs", say("formats.inputs", lang), read, inputs),
        Table("settings", say("formats.settings", lang), pair, settings),
    ]
    version = manifest.get("version")
    said = [] if version is None else [say("formats.version", lang, version=version)]
    return _part("made", lang, said, tables)
