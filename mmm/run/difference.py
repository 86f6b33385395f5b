"""The difference of two runs: what went in, and what came out."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from mmm.errors import SourceError
from mmm.wording import Finding

Kind = Literal["input", "version", "setting", "credit", "cost", "indicator", "budget", "calls"]
TABLES: Mapping[str, Kind] = {
    "credit": "credit",
    "credit_deals": "credit",
    "customer_costs": "cost",
    "indicators": "indicator",
    "budget": "budget",
    "calls": "calls",
}
# Smaller changes of a share or an amount are not told: a tenth of a point, a hundredth.
LEAST_SHARE = 0.001
LEAST_RATIO = 0.01
FIRST_CALLS = 20
_UNITS = {"money": "money", "money_per_day": "money", "share": "share", "days": "days"}


@dataclass(frozen=True, eq=False)
class Run:
    """What a folder of results holds.

    Attributes
    ----------
    folder : Path
    manifest : mapping
        As `mmm run` writes it.
    tables : mapping of str to DataFrame
        Those of `TABLES` that are there.
    """

    folder: Path
    manifest: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Change:
    """One thing that differs.

    Attributes
    ----------
    kind : {"input", "version", "setting", "credit", "cost", "indicator", "budget", "calls"}
    name : str
        Table, library, setting, channel or indicator.
    before, after : object
        Rows, versions, values or figures; None where one run has none.
    beyond : bool or None
        Whether each figure lies outside of the interval of the other; None where there is none.
    finding : Finding
        The sentence.
    """

    kind: Kind
    name: str
    before: Any
    after: Any
    beyond: bool | None
    finding: Finding


@dataclass(frozen=True)
class Difference:
    """What changed from one run to another.

    Attributes
    ----------
    changes : tuple of Change
        Inputs, versions and settings first, then figures.
    """

    changes: tuple[Change, ...]

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not self.changes

    def findings(self) -> tuple[Finding, ...]:
        """Return one sentence a change, or the one that says that there is none."""
        if self.same:
            return (Finding("diff.same", None),)
        return tuple(change.finding for change in self.changes)


def read_run(folder: str | Path) -> Run:
    """Read a folder of results.

    Raises
    ------
    SourceError
        If it holds no run, or a file of it cannot be read.
    """
    place = Path(folder)
    file = place / "manifest.json"
    if not file.is_file():
        raise SourceError(
            f"{place} holds no results of a run: manifest.json is missing. Name a folder that "
            "mmm run or mmm demo has written."
        )
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        tables = {
            name: pd.read_csv(place / f"{name}.csv", dtype={"channel": "str", "lead_id": "str"})
            for name in TABLES
            if (place / f"{name}.csv").is_file()
        }
    except (ValueError, OSError) as error:
        raise SourceError(f"{place} holds a damaged file ({error}). Run mmm run again.") from error
    if not isinstance(manifest, dict):
        raise SourceError(f"{file} is no manifest of a run. Run mmm run again.")
    return Run(place, manifest, tables)


def difference(before: Run, after: Run) -> Difference:
    """Compare two runs, the earlier first.

    Parameters
    ----------
    before, after : Run

    Returns
    -------
    Difference
    """
    figures = (
        *_credit(before, after),
        *_costs(before, after),
        *_indicators(before, after),
        *_budget(before, after),
    )
    return Difference(
        (
            *_inputs(before.manifest, after.manifest),
            *_versions(before.manifest, after.manifest),
            *_settings(before.manifest, after.manifest),
            *_tables(before, after),
            *(one for one in figures if not _reads_alike(one)),
            *_calls(before, after),
        )
    )


def _reads_alike(change: Change) -> bool:
    """Tell whether both figures are written the same, so that nobody could see a change."""
    if change.before is None or change.after is None:
        return False
    facts = {**change.finding.facts, "before": change.after, "after": change.before}
    turned = replace(change.finding, facts=facts)
    return turned.sentence() == change.finding.sentence()


def _change(
    kind: Kind,
    key: str,
    name: str,
    before: Any,
    after: Any,
    *,
    beyond: bool | None = None,
    because: tuple[str, ...] = (),
    **facts: Any,
) -> Change:
    told = {"name": name, "before": before, "after": after, **facts}
    finding = Finding(f"diff.{key}", after, because=because, facts=told)
    return Change(kind, name, before, after, beyond, finding)


def _inputs(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    old = {one["name"]: one for one in before.get("inputs", ())}
    new = {one["name"]: one for one in after.get("inputs", ())}
    for name in dict.fromkeys([*old, *new]):
        rows = [None if one is None else one["rows"] for one in (old.get(name), new.get(name))]
        if name not in old:
            yield _change("input", "input_new", name, None, rows[1] or 0)
        elif name not in new:
            yield _change("input", "input_gone", name, rows[0] or 0, None)
        elif rows[0] != rows[1]:
            yield _change("input", "input_rows", name, *rows)
        elif old[name]["sha256"] != new[name]["sha256"]:
            key = "input_file" if rows[0] is None else "input_values"
            yield _change("input", key, name, *rows)
    days = [one.get("as_of") for one in (before, after)]
    if days[0] != days[1] and all(days):
        first, last = (date.fromisoformat(str(day)[:10]) for day in days)
        if first != last:
            yield _change("input", "as_of", "as_of", first, last)


def _versions(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    old = {"mmm": before.get("version"), **before.get("versions", {})}
    new = {"mmm": after.get("version"), **after.get("versions", {})}
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield _change("version", "version", name, *(_text(o.get(name)) for o in (old, new)))


def _settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    old, new = (_flat(one) for one in (before, after))
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield _change("setting", "setting", name, *(_text(o.get(name)) for o in (old, new)))


def _flat(manifest: Mapping[str, Any]) -> dict[str, Any]:
    seeds = {f"seed of {name}": seed for name, seed in manifest.get("seeds", {}).items()}
    return {**manifest.get("settings", {}), **seeds}


def _text(value: Any) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _tables(before: Run, after: Run) -> Iterator[Change]:
    """Name the tables of results that one run lacks: their figures cannot be compared."""
    for name in TABLES:
        there = [name in run.tables for run in (before, after)]
        if there[0] != there[1]:
            yield _change(TABLES[name], "only_one", f"{name}.csv", *there)


def _pairs(before: Run, after: Run, table: str, key: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield the rows of a table that have the same key; None where a run has none."""
    if table not in before.tables or table not in after.tables:
        return
    old, new = (run.tables[table].drop_duplicates(key).set_index(key) for run in (before, after))
    for name in dict.fromkeys([*old.index, *new.index]):
        yield (
            str(name),
            old.loc[name] if name in old.index else None,
            new.loc[name] if name in new.index else None,
        )


def _judged(old: Any, new: Any, value: str, lower: str, upper: str) -> dict[str, Any]:
    """Tell whether each value lies outside of the interval of the other, and how to say it."""
    bounds = [row.get(name) for row in (old, new) for name in (lower, upper)]
    if any(bound is None or pd.isna(bound) for bound in bounds):
        return {"beyond": None, "because": ("diff.unknown",)}
    outside = not (new[lower] <= old[value] <= new[upper])
    outside = outside and not (old[lower] <= new[value] <= old[upper])
    return {"beyond": bool(outside), "because": ("diff.beyond" if outside else "diff.within",)}


def _credit(before: Run, after: Run) -> Iterator[Change]:
    """Compare the shares of the headline model, in money where there is money."""
    table = "credit" if all("credit" in run.tables for run in (before, after)) else "credit_deals"
    runs = [_headline(run, table) for run in (before, after)]
    found = []
    for name, old, new in _pairs(runs[0], runs[1], table, "channel"):
        if old is None and new is not None:
            found.append(_change("credit", "credit_new", name, None, _number(new["share"])))
        elif new is None and old is not None:
            found.append(_change("credit", "credit_gone", name, _number(old["share"]), None))
        elif abs(_number(new["share"]) - _number(old["share"])) >= LEAST_SHARE:
            told = _judged(old, new, "share", "lower", "upper")
            shares = _number(old["share"]), _number(new["share"])
            found.append(_change("credit", "credit", name, *shares, **told))
    yield from sorted(found, key=lambda one: -abs((one.after or 0) - (one.before or 0)))


def _headline(run: Run, table: str) -> Run:
    """Keep the rows of the headline model."""
    headline = run.manifest.get("settings", {}).get("headline")
    if table not in run.tables:
        return run
    frame = run.tables[table]
    kept = frame[frame["model"] == headline]
    return Run(run.folder, run.manifest, {table: kept if len(kept) else frame})


def _number(value: Any) -> float:
    return 0.0 if pd.isna(value) else float(value)


def _moved(old: Any, new: Any, value: str) -> bool:
    """Tell whether a figure that both runs have changed by more than a hundredth."""
    if old is None or new is None or pd.isna(old[value]) or pd.isna(new[value]):
        return False
    scale = max(abs(float(old[value])), abs(float(new[value])))
    return abs(float(new[value]) - float(old[value])) > LEAST_RATIO * scale


def _currency(run: Run) -> str:
    return str(run.manifest.get("currency", "EUR"))


def _costs(before: Run, after: Run) -> Iterator[Change]:
    for name, old, new in _pairs(before, after, "customer_costs", "channel"):
        if name != "(total)" and _moved(old, new, "cac"):
            told = _judged(old, new, "cac", "cac_lower", "cac_upper")
            figures = float(old["cac"]), float(new["cac"])
            yield _change("cost", "cost", name, *figures, **told, currency=_currency(after))


def _indicators(before: Run, after: Run) -> Iterator[Change]:
    for name, old, new in _pairs(before, after, "indicators", "name"):
        if _moved(old, new, "value"):
            told = _judged(old, new, "value", "lower", "upper")
            key = f"kpi_{_UNITS.get(str(new['unit']), 'number')}"
            figures = float(old["value"]), float(new["value"])
            yield _change("indicator", key, name, *figures, **told, currency=_currency(after))


def _budget(before: Run, after: Run) -> Iterator[Change]:
    for name, old, new in _pairs(before, after, "budget", "channel"):
        if old is None or new is None:
            continue
        if old["verdict"] != new["verdict"]:
            yield _change("budget", "verdict", name, str(old["verdict"]), str(new["verdict"]))
        if _moved(old, new, "recommended"):
            spends = float(old["recommended"]), float(new["recommended"])
            yield _change("budget", "recommended", name, *spends, currency=_currency(after))


def _calls(before: Run, after: Run) -> Iterator[Change]:
    if "calls" not in before.tables or "calls" not in after.tables:
        return
    old, new = (list(run.tables["calls"]["lead_id"][:FIRST_CALLS]) for run in (before, after))
    if old != new and new:
        same = len(set(old) & set(new))
        yield _change("calls", "calls", "calls", len(old), len(new), n=same, total=len(new))
