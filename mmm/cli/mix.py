"""`mmm mix`: what each channel brought, how sure that is, and where to move the budget."""

import json
import math
import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from mmm.cli.cures import as_options
from mmm.cli.options import Json, Locale
from mmm.cli.shell import begin, in_language, print_json, print_notes, records, speak, told
from mmm.errors import ConfigError, ConvergenceError, InputError, check_level, quoted

_TABLES = ("contributions.csv", "response_curves.csv", "budget.csv", "diagnostics.json")
_BY_PANEL = ("contributions_by_panel.csv", "budget_by_panel.csv")
_LIKELIHOODS = ("auto", "normal", "student_t", "poisson", "negative_binomial")
_COUNTS = _LIKELIHOODS[-2:]
_NAME = re.compile(r'\s*(?:"([^"]*)"|([^,]*))\s*(?:,|$)')
_QUARTER = 365.25 / 4  # days, of which the mean spend is that of today
_PLAN = (
    "advice",
    "probability_better",
    "expected_profit",
    "profit_lower",
    "profit_upper",
    "expected_gain",
    "gain_lower",
    "gain_upper",
    "expected_loss",
    "tipping_tau",
    "optimality_gap",
    "level",
    "margin",
    "horizon",
    "notes",
)


@dataclass(frozen=True)
class Columns:
    """What each column of the table is.

    Attributes
    ----------
    date, outcome : str
    channels, controls : list of str
    panel : str or None
    """

    date: str
    outcome: str
    channels: list[str]
    controls: list[str]
    panel: str | None


@dataclass(frozen=True)
class Look:
    """How results are shown.

    Attributes
    ----------
    outcome, currency, lang : str
    figures : str
        Ending of the figures: png, svg, or none.
    """

    outcome: str
    currency: str
    lang: str
    figures: str


def mix(
    data: Annotated[str, typer.Option(help="One row a period: a file or a URL#table.")],
    date: Annotated[str, typer.Option(help="Column of dates: the first day of each period.")],
    outcome: Annotated[str, typer.Option(help="Column to explain, such as revenue.")],
    channels: Annotated[
        str,
        typer.Option(help='Columns of spend: a,b,c; one with a comma in quotes: a,"b, b",c.'),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    controls: Annotated[
        str, typer.Option(help="Columns of what else moves the outcome, written alike.")
    ] = "",
    panel: Annotated[
        str | None, typer.Option(help="Column of regions or units; then a row a period and panel.")
    ] = None,
    likelihood: Annotated[
        str,
        typer.Option(help="auto, normal, student_t; for few deals poisson or negative_binomial."),
    ] = "auto",
    total: Annotated[
        str, typer.Option(help="Budget a period: a number, current, or free.")
    ] = "current",
    max_change: Annotated[
        float, typer.Option(help="Most that a channel may move, as a share of its spend today.")
    ] = 0.5,
    margin: Annotated[
        float, typer.Option(help="Margin in one unit of the outcome: 0.4 of revenue, 900 a deal.")
    ] = 1.0,
    level: Annotated[float, typer.Option(help="Coverage of the intervals.")] = 0.9,
    seed: Annotated[int, typer.Option(help="Same seed, same result.")] = 0,
    draws: Annotated[int, typer.Option(help="Draws a chain; more where chains disagree.")] = 600,
    locale: Locale = None,
    currency: Annotated[str, typer.Option(help="Currency of spend and profit.")] = "EUR",
    lang: Annotated[str, typer.Option(help="Language of what is printed: en or it.")] = "en",
    figures: Annotated[str, typer.Option(help="png, svg, or none.")] = "png",
    as_json: Json = False,
) -> None:
    """Fit a marketing mix."""
    os.environ.setdefault("MPLBACKEND", "Agg")  # figures are written, never shown
    look = Look(outcome, currency, lang, _choice("--figures", figures, ("png", "svg", "none")))
    speak(_choice("--lang", lang, ("en", "it")))
    _choice("--likelihood", likelihood, _LIKELIHOODS)
    budget, limits = _total(total), _limits(max_change)
    _check_figures(margin, level, currency)
    columns = Columns(date, outcome, _names(channels), _names(controls), panel)
    if not columns.channels:
        raise ConfigError("--channels names no channel. Write the columns of spend, as in a,b,c.")
    _refuse_to_replace(data, out)
    with told(lambda text: in_language(as_options(text)), lang):
        frame = _read(data, locale, columns)
        _check_room(frame, columns, budget, limits)
        _check_worth(frame, columns, likelihood, margin)
        model = _fitted(frame, columns, likelihood, seed=seed, draws=draws)
        begin("choosing_budget")
        from mmm.mix import mix_findings, optimize_budget
        from mmm.wording import say

        plan = optimize_budget(model, budget, margin=margin, level=level, limits=limits)
        files = _write_tables(model, plan, out)
        if look.figures != "none":
            begin("drawing")
            files |= _write_figures(model, plan, out, look, limits)
        findings = mix_findings(model, plan, outcome=outcome, currency=currency)
    limited = [as_options(note) for note in plan.notes]
    print_notes([*frame.attrs["notes"], *_worth(outcome, margin, currency), *limited])
    said = [finding.sentence(lang) for finding in findings]
    if as_json:
        print_json({"files": files, **_content(model, plan), "findings": said})
        return
    for sentence in said:
        print(sentence)
    print(say("written.files", lang, n=len(files), folder=out.resolve()))


def _worth(outcome: str, margin: float, currency: str) -> list[str]:
    """Say what the money rests on where no margin is given."""
    if margin != 1.0:
        return []
    return [
        f"a unit of {outcome!r} counts as 1 {currency} of profit; pass --margin if it leaves less"
    ]


def _content(model: Any, plan: Any) -> dict[str, Any]:
    """Return what was found, for JSON."""
    found = {
        "diagnostics": _diagnostics(model),
        "contributions": records(model.contributions(level=plan.level, margin=plan.margin)),
        "budget": records(plan.to_frame()),
        "plan": _plain({name: getattr(plan, name) for name in _PLAN}),
    }
    by_panel = {name: records(frame) for name, frame in _panel_frames(model, plan).items()}
    return found | by_panel


def _names(text: str) -> list[str]:
    """Split at commas, but not inside double quotes around a whole name.

    Examples
    --------
    >>> _names('TV, "Posters, OOH",15" spots')
    ['TV', 'Posters, OOH', '15" spots']
    """
    found = ((quoted_name or plain).strip() for quoted_name, plain in _NAME.findall(text))
    return [name for name in found if name]


def _choice(option: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ConfigError(f"{option} is {value!r}. Choose one of {quoted(choices)}.")
    return value


def _total(text: str) -> Any:
    """Return the total as `optimize_budget` takes it."""
    if text in ("current", "free"):
        return None if text == "free" else text
    try:
        return float(text)
    except ValueError:
        raise ConfigError(
            f"--total is {text!r}. Write the spend a period, such as 12000, or current, or free."
        ) from None


def _limits(max_change: float) -> Any:
    from mmm.mix import Limits

    if not (math.isfinite(max_change) and max_change > 0):
        raise ConfigError(
            f"--max-change is {max_change}. Write a share of today's spend, such as 0.5."
        )
    return Limits(max_change=max_change)


def _check_figures(margin: float, level: float, currency: str) -> None:
    """Refuse before the fit what would be refused after it."""
    from mmm.wording import format_money

    check_level(level)
    format_money(0, currency)
    if not (math.isfinite(margin) and margin > 0):
        raise ConfigError(
            f"--margin is {margin}. Write what one unit of the outcome leaves, above 0."
        )


def _refuse_to_replace(data: str, out: Path) -> None:
    from mmm.tables.write import make_folder, refuse_input

    inputs = set() if "://" in data else {Path(data).resolve()}
    for name in (*_TABLES, *_BY_PANEL):
        refuse_input(out / name, inputs)
    make_folder(out)


def _read(data: str, locale: str | None, columns: Columns) -> Any:
    from mmm.mix import read_mix

    begin("reading_data")
    place, _, table = data.partition("#") if "://" in data else (data, "", "")
    return read_mix(place, **asdict(columns), locale=locale, table=table or None)


def _check_room(frame: Any, columns: Columns, total: Any, limits: Any) -> None:
    """Refuse before the fit a total that no plan within the limits can spend."""
    from mmm.mix.budget.limits import find_room

    spend = frame.groupby(columns.date)[columns.channels].sum().sort_index()
    days = spend.index.to_series().diff().dt.days.mean()
    if not (isinstance(total, float) and days > 0):
        return
    last = max(round(_QUARTER / days), 1)
    today = spend.tail(last).mean().to_numpy()
    try:
        find_room(columns.channels, today, total, {}, limits)
    except ConfigError as error:
        raise ConfigError(f"{error} A larger --max-change makes room for it.") from error


def _check_worth(frame: Any, columns: Columns, likelihood: str, margin: float) -> None:
    """Refuse before the fit a margin that is no money a deal."""
    from mmm.mix.budget.money import check_worth

    if likelihood in _COUNTS:
        spend = float(frame[columns.channels].to_numpy().sum())
        try:
            check_worth(float(frame[columns.outcome].sum()), spend, margin)
        except ConfigError as error:
            raise ConfigError(as_options(str(error))) from error


def _fitted(frame: Any, columns: Columns, likelihood: str, *, seed: int, draws: int) -> Any:
    """Fit the model; where chains disagree, say how to go on from here."""
    from mmm.mix import MixModel
    from mmm.mix.inference.sampler import Sampling

    n_periods = frame[columns.date].nunique() if columns.panel else len(frame)
    facts: dict[str, Any] = {"n": len(columns.channels), "periods": n_periods}
    if columns.panel:
        begin("fitting_panels", **facts, panels=frame[columns.panel].nunique())
    else:
        begin("fitting_mix", **facts)
    model = MixModel(
        columns.channels,
        columns.controls,
        columns.date,
        columns.panel,
        likelihood=likelihood,
        seed=seed,
        sampler=Sampling(n_draws=draws),
    )
    try:
        model.fit(frame.drop(columns=columns.outcome), frame[columns.outcome].to_numpy())
    except ConvergenceError as error:
        cause = as_options(str(error).partition(" Otherwise ")[0])
        raise ConvergenceError(
            f"{cause} Nothing was written. Mend the data, or sample longer: --draws {4 * draws}."
        ) from error
    except InputError as error:
        raise InputError(as_options(str(error))) from error
    begin("fitted", seconds=model.diagnostics_.seconds)
    return model


def _panel_frames(model: Any, plan: Any) -> dict[str, Any]:
    """Return what each panel brought, and its part of the plan; nothing without panels."""
    import pandas as pd

    from mmm.mix import over_panels

    panels = getattr(model, "panels_", {})
    if not panels:
        return {}
    brought = []
    for name, one in panels.items():
        rows = one.contributions(level=plan.level, margin=plan.margin)
        rows.insert(0, "panel", name)
        brought.append(rows)
    return {
        "contributions_by_panel": pd.concat(brought, ignore_index=True),
        "budget_by_panel": over_panels(model, plan),
    }


def _write_tables(model: Any, plan: Any, out: Path) -> dict[str, Path]:
    from mmm.tables import write_csv

    frames = {
        "contributions": model.contributions(level=plan.level, margin=plan.margin),
        "response_curves": model.response_curves(plan.margin).to_frame(plan.level),
        "budget": plan.to_frame(),
    } | _panel_frames(model, plan)
    files = {name: write_csv(frame, out / f"{name}.csv") for name, frame in frames.items()}
    files["diagnostics"] = out / "diagnostics.json"
    content = _diagnostics(model) | {"plan": _plain({name: getattr(plan, name) for name in _PLAN})}
    files["diagnostics"].write_text(
        json.dumps(content, ensure_ascii=False, allow_nan=False, indent=2) + "\n", encoding="utf-8"
    )
    return files


def _diagnostics(model: Any) -> dict[str, Any]:
    """Return the diagnostics without the time taken: the same run writes the same bytes."""
    found = asdict(model.diagnostics_)
    del found["seconds"]
    found["warnings"] = [as_options(warning) for warning in found["warnings"]]
    return {"converged": model.diagnostics_.converged} | _plain(found)


def _plain(content: dict[str, Any]) -> dict[str, Any]:
    """Return what JSON can hold: a number that is none becomes null."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in content.items()
    }


def _write_figures(model: Any, plan: Any, out: Path, look: Look, limits: Any) -> dict[str, Path]:
    from mmm.mix import efficient_frontier
    from mmm.mix.plots import plot_contributions, save_figure

    level, margin, outcome = plan.level, plan.margin, look.outcome
    contributions = model.contributions(level=level, margin=margin)
    draw: dict[str, Callable[[], Any]] = {
        "contributions": lambda: plot_contributions(contributions, level=level, outcome=outcome),
        "response_curves": lambda: model.response_curves(margin).plot(level, outcome, plan.current),
        "budget": plan.plot,
        "frontier": lambda: efficient_frontier(
            model, margin=margin, level=level, limits=limits
        ).plot(),
    }
    panels = getattr(model, "panels_", {})
    for i, one in enumerate(panels.values(), start=1):
        draw |= _figures_of(one, level, outcome, f"_{i}")
    files = {}
    for name, figure in (draw if panels else _figures_of(model, level, outcome, "") | draw).items():
        files[f"{name}_figure"] = out / f"{name}.{look.figures}"
        save_figure(figure(), files[f"{name}_figure"])
    return files


def _figures_of(model: Any, level: float, outcome: str, which: str) -> dict[str, Callable[[], Any]]:
    """Return the figures of one fit; those of panels are numbered in the order of their names."""
    from mmm.mix import decompose, prior_and_posterior
    from mmm.mix.plots import plot_prior_posterior

    parts, learned = decompose(model, level), prior_and_posterior(model, level)
    return {
        f"fit{which}": lambda: parts.plot(outcome),
        f"residuals{which}": parts.plot_residuals,
        f"prior_posterior{which}": lambda: plot_prior_posterior(
            learned, level=level, outcome=outcome
        ),
    }
