"""Model card: what a model is, what it was trained on, and how well it does; HTML and JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import InputError
from mmm.prediction.columns.contract import DataContract
from mmm.prediction.handover.grades import Grades, grade_table
from mmm.prediction.learning.encoding import encode
from mmm.prediction.learning.hazard import Hazards, open_before
from mmm.prediction.learning.model import Model
from mmm.prediction.learning.rows import Known
from mmm.prediction.learning.stacking import Choice
from mmm.prediction.metrics import design_effect, gains, measure, reliability
from mmm.prediction.suspects import suspects, suspicion
from mmm.showing import Shown, as_text
from mmm.wording import LANGUAGES, entries, format_count, format_share, say

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

N_SEGMENTS, N_LEVELS, N_ROWS = 3, 6, 100
_ALIKE = 1.05  # design effects from which on rows are said to end alike
FULL_WEIGHT = 0.999  # rows whose outcome is known; younger open leads are no zeros
_TABLES = (
    "features", "refused", "learners", "metrics", "segments", "reliability", "gains",
    "distribution", "grades", "hazard",
)  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class Card(Shown):
    """A model card; every figure is of rows held out.

    Attributes
    ----------
    facts : mapping
        window (first and last day), n_rows, n_held_out, n_groups (persons or accounts among the
        rows held out) and design (so many of these rows count as one in intervals of rates) where
        training was given groups, rate, signal, timed, memory, level, kept;
        predicts ("ever" where the model knows when leads end, else "outcome": the one it was given)
        and follow_up_days, within which "ever" is;
        too_good, the columns behind an order too good to be honest (`suspects`), else None.
    features : pandas.DataFrame
        column, kind, spread (standard deviation of what it adds, log-odds), n_missing.
    refused : pandas.DataFrame
        column, reason, evidence.
    learners : pandas.DataFrame
        learner, loss (mean log loss held out), weight.
    metrics : pandas.DataFrame
        metric, value, lower, upper.
    segments : pandas.DataFrame
        column, level, n, metric, value, lower, upper.
    reliability : pandas.DataFrame
        n, promised, rate, lower, upper.
    gains : pandas.DataFrame
        called, won, lift.
    distribution : pandas.DataFrame
        outcome, probability (upper end of a bin), n.
    grades : pandas.DataFrame
        grade, from_probability, n, n_won, promised, rate, lower, upper, share_of_wins, kept.
    hazard : pandas.DataFrame
        age_days, won, lost: cumulative, of a typical lead; empty where ends are not known.
    """

    facts: Mapping[str, Any]
    features: pd.DataFrame
    refused: pd.DataFrame
    learners: pd.DataFrame
    metrics: pd.DataFrame
    segments: pd.DataFrame
    reliability: pd.DataFrame
    gains: pd.DataFrame
    distribution: pd.DataFrame
    grades: pd.DataFrame
    hazard: pd.DataFrame

    def __repr__(self) -> str:
        rows, held_out = self.facts.get("n_rows"), self.facts.get("n_held_out")
        found = self.metrics.set_index("metric") if len(self.metrics) else self.metrics
        if "auc" in found.index:
            value, lower, upper = (float(found[end]["auc"]) for end in ("value", "lower", "upper"))
            sentence = (
                f"Of a won and a lost lead it ranks the won one first in {format_share(value)} of "
                f"pairs ({format_share(lower)} to {format_share(upper)}), on rows held out."
            )
        else:
            sentence = "Nothing was held out that the model could be measured on."
        return as_text(sentence, self.metrics, f"Card: {rows} rows, {held_out} of them held out")

    def _small_table(self) -> pd.DataFrame:
        return self.metrics

    @classmethod
    def of(
        cls,
        *,
        choice: Choice,
        contract: DataContract,
        leakage: pd.DataFrame,
        frame: pd.DataFrame,
        model: Model,
        known: Known,
        probability: Floats,
        grades: Grades,
    ) -> "Card":
        """Measure a model on rows held out.

        Parameters
        ----------
        choice, contract, leakage, model, grades
            Of the model.
        frame : pandas.DataFrame
            Clean rows held out.
        known : Known
            The same rows.
        probability : ndarray of float64, shape (n_held_out,)
        """
        settled = known.weight >= FULL_WEIGHT
        y, p = known.y[settled], probability[settled]
        groups = None if known.groups is None else known.groups[settled]
        design = design_effect(y, groups)
        table = grade_table(grades.assign(p), p, y > 0, design=design)
        table.insert(1, "from_probability", [*grades.edges, 0.0])
        facts = {
            "first_at": contract.first_at,
            "last_at": contract.last_at,
            "n_rows": contract.n_rows,
            "n_held_out": int(settled.sum()),
            "n_groups": None if groups is None else len(np.unique(groups)),
            "design": design,
            "rate": float(y.mean()) if len(y) else None,
            "signal": bool(choice.weights),
            "timed": known.created is not None,
            "memory": choice.memory,
            "level_rows": choice.level_half_life,
            "kept": choice.kept,
            "predicts": "outcome" if model.hazards is None else "ever",
            "follow_up_days": None if model.hazards is None else model.hazards.follow_up,
            "too_good": _too_good(model, frame[settled], y, p, groups),
        }
        return cls(
            facts,
            _features(model, contract),
            leakage.reset_index(drop=True),
            _learners(choice),
            _metrics(y, p, design),
            _segments(model, frame[settled], y, p, groups),
            reliability(y, p, design=design) if len(y) else pd.DataFrame(),
            _thin(gains(y, p)) if len(y) else pd.DataFrame(),
            _distribution(y, p),
            table,
            _hazard(model.hazards, model.centre),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold; missing as None."""
        tables = {name: json.loads(getattr(self, name).to_json(orient="table", index=False,
                  double_precision=15)) for name in _TABLES}  # fmt: skip
        return {"facts": dict(self.facts)} | {
            name: {"columns": [f["name"] for f in t["schema"]["fields"]], "rows": t["data"]}
            for name, t in tables.items()
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Card":
        """Return the card that `to_dict` wrote.

        Raises
        ------
        InputError
            If parts are missing.
        """
        try:
            tables = {
                name: pd.DataFrame(plain[name]["rows"], columns=plain[name]["columns"])
                for name in _TABLES
            }
            return cls(dict(plain["facts"]), **tables)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"The card of the model is damaged ({error!r}). Train again, or restore the model "
                "from its copy."
            ) from error

    def to_html(self, lang: str = "en") -> str:
        """Return a page of its own: no script; whatever comes from tables is escaped."""
        return write_card(self, lang)


@dataclass(frozen=True)
class Opening:
    """What a page says before the card of the model.

    Attributes
    ----------
    title : str
    facts : sequence of (str, str)
    said : sequence of str
        Sentences.
    tables : sequence of (str, list of str, list of list of str)
        Heading, columns, rows; those without rows are left out.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    said: Sequence[str]
    tables: Sequence[tuple[str, list[str], list[list[str]]]]


def write_card(card: Card, lang: str = "en", opening: Opening | None = None) -> str:
    """Write a card as one HTML page.

    Parameters
    ----------
    card : Card
    lang : {"en", "it"}
    opening : Opening, optional
        Comes first: of a run, for example.

    Returns
    -------
    str
    """
    from jinja2 import Environment

    if lang not in LANGUAGES:
        raise InputError(f"There is no card in {lang!r}; use one of {', '.join(LANGUAGES)}.")
    template = resources.files("mmm.prediction").joinpath("card.html").read_text(encoding="utf-8")
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(template)
    shown = [(name, shown_table(getattr(card, name), lang)) for name in _TABLES if name != "gains"]
    said = {name: say(f"card.{name}", lang) for name in ("title", "note", "signal", "no_signal")}
    headings = {name: say(f"card.{name}", lang) for name, _ in shown}
    facts = [
        (say(f"card.{name}", lang), _cell(name, card.facts.get(name), lang))
        for name in ("first_at", "last_at", "n_rows", "n_held_out", "n_groups", "rate", "memory",
                     "level_rows")
        if name != "n_groups" or card.facts.get(name) is not None
    ]  # fmt: skip
    signal = said["signal" if card.facts.get("signal") else "no_signal"]
    return page.render(
        lang=lang,
        said=said,
        signal=signal,
        meaning=[
            *too_good(card, lang),
            *_meaning(card, lang),
            *_alike(card, lang),
            *out_of_order(card, lang),
        ],
        facts=facts,
        headings=headings,
        tables=shown,
        opening=opening,
    )


def _meaning(card: Card, lang: str) -> list[str]:
    """Say what the probability is one of; cards of earlier models do not tell."""
    days = card.facts.get("follow_up_days")
    if days is None:
        return [say("card.predicts_outcome", lang)] if card.hazard.empty else []
    return [say("card.predicts_ever", lang, days=float(days))]


def too_good(card: Card, lang: str) -> list[str]:
    """Say that the model does better than honest columns can, and which columns to look at."""
    said = suspicion(card.facts.get("too_good"), lang)  # cards of earlier models do not tell
    return [] if said is None else [said]


def _alike(card: Card, lang: str) -> list[str]:
    """Say that rows of one person or account end alike, where they do."""
    design = float(card.facts.get("design", 1.0))  # cards of earlier models do not tell
    if design < _ALIKE:
        return []
    return [say("card.alike", lang, design=format_count(design, lang, digits=1))]


def out_of_order(card: Card, lang: str) -> list[str]:
    """Say which grades converted less often than the next worse one, on rows held out."""
    rows = card.grades[card.grades["n"] > 0].to_dict("records")
    return [
        say("card.out_of_order", lang, better=better["grade"], worse=worse["grade"],
            rate=format_share(better["rate"], lang, digits=1),
            other=format_share(worse["rate"], lang, digits=1))
        for better, worse in pairwise(rows) if better["rate"] < worse["rate"]
    ]  # fmt: skip


def shown_table(table: pd.DataFrame, lang: str) -> tuple[list[str], list[list[str]]]:
    """Return the headings of a table and its cells, as a language writes them."""
    of_rates = {"lower": "rate", "upper": "rate"} if "rate" in table.columns else {}
    names = [of_rates.get(str(name), str(name)) for name in table.columns]
    rows = [
        [_cell(name, value, lang) for name, value in zip(names, row, strict=True)]
        for row in table.itertuples(index=False)
    ]
    return [say(f"card.column_{name}", lang) for name in table.columns], rows


_COUNTS = {"n", "n_levels", "n_won", "n_missing", "n_rows", "n_held_out", "n_groups", "age_days",
           "level_rows"}  # fmt: skip
_SHARES = {
    "memory",
    "rate",
    "promised",
    "from_probability",
    "share_of_wins",
    "won",
    "lost",
    "probability",
}


_WORDS = {"reason": "leak"} | {
    name: f"card_{name}" for name in ("kind", "learner", "metric", "outcome")
}


def _cell(name: str, value: Any, lang: str) -> str:
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return say("format.missing", lang)
    if isinstance(value, (bool, np.bool_)):
        return say("reasons.yes" if value else "reasons.no", lang)
    if isinstance(value, str):
        key = f"{_WORDS.get(name, '')}.{value.replace(' ', '_')}"
        return say(key, lang) if key in entries() else value
    if name in _COUNTS:
        return format_count(float(value), lang)
    if name in _SHARES:
        return format_share(float(value), lang, digits=1)
    return format_count(float(value), lang, digits=3)


def _too_good(
    model: Model, frame: pd.DataFrame, y: Floats, p: Floats, groups: Integers | None
) -> dict[str, Any] | None:
    if not len(y) or not model.features:
        return None
    codes = encode(model.features, frame, with_values=False).codes
    return suspects(y, p, model.features, codes, groups)


def _features(model: Model, contract: DataContract) -> pd.DataFrame:
    missing = {column.name: column.n_missing for column in contract.columns}
    rows = [
        (f.name, f.column.kind, float(spread), missing.get(f.name, 0))
        for f, spread in zip(model.features, model.spread, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["column", "kind", "spread", "n_missing"])
    return table.sort_values(["spread", "column"], ascending=[False, True], ignore_index=True)


def _learners(choice: Choice) -> pd.DataFrame:
    weights: dict[str, float] = {}
    for candidate, weight in choice.weights.items():
        weights[candidate.family] = weights.get(candidate.family, 0.0) + weight
    rows = [(name, loss, weights.get(name, np.nan if name in {"base rate", "chosen"} else 0.0))
            for name, loss in choice.losses.items()]  # fmt: skip
    return pd.DataFrame(rows, columns=["learner", "loss", "weight"])


def _metrics(y: Floats, p: Floats, design: float) -> pd.DataFrame:
    found = measure(y, p, design=design) if len(y) else ()
    rows = [(m.name, m.value, m.lower, m.upper) for m in found]
    return pd.DataFrame(rows, columns=["metric", "value", "lower", "upper"])


def _segments(
    model: Model, frame: pd.DataFrame, y: Floats, p: Floats, groups: Integers | None
) -> pd.DataFrame:
    """Measure the larger levels of the categories that tell most."""
    names = ["column", "level", "n", "metric", "value", "lower", "upper"]
    rows = []
    ranked = sorted(
        (-spread, f.name)
        for f, spread in zip(model.features, model.spread, strict=True)
        if not f.numeric
    )
    for _, name in ranked[:N_SEGMENTS]:
        counts = frame[name].value_counts()
        for level in sorted(counts[counts >= N_ROWS].index[:N_LEVELS]):
            inside = (frame[name] == level).to_numpy()
            design = design_effect(y[inside], None if groups is None else groups[inside])
            for m in measure(y[inside], p[inside], design=design):
                if m.name in {"log_loss", "auc", "ece", "rate"}:
                    n = int(inside.sum())
                    rows.append((name, str(level), n, m.name, m.value, m.lower, m.upper))
    return pd.DataFrame(rows, columns=names)


def _thin(table: pd.DataFrame, n: int = 200) -> pd.DataFrame:
    keep = np.unique(np.linspace(0, len(table) - 1, min(n, len(table))).astype(np.intp))
    return table.iloc[keep].reset_index(drop=True)


def _distribution(y: Floats, p: Floats) -> pd.DataFrame:
    edges = np.linspace(0.0, max(float(p.max(initial=0.01)), 1e-6) * (1 + 1e-9), 21)
    parts = [
        pd.DataFrame(
            {"outcome": name, "probability": edges[1:], "n": np.histogram(p[y == of], edges)[0]}
        )
        for name, of in (("lost", 0.0), ("won", 1.0))
    ]
    return pd.concat(parts, ignore_index=True)


def _hazard(hazards: Hazards | None, centre: float) -> pd.DataFrame:
    """Return the cumulative incidence of both ends for a typical lead, at up to 40 ages."""
    if hazards is None or not len(hazards.times):
        return pd.DataFrame(np.empty((0, 3)), columns=["age_days", "won", "lost"])
    won, lost = hazards.curves(np.array([centre]))
    before = open_before(won, lost)[0]
    reached = {"won": np.cumsum(before * won[0]), "lost": np.cumsum(before * lost[0])}
    return _thin(pd.DataFrame({"age_days": hazards.times, **reached}), 40)
