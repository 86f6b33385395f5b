"""`mmm score compare`, `promote` and `rollback`: which of two models scores."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mmm.cli.leads import read_outcomes, told_options
from mmm.cli.options import Json, Locale, Map, Touches
from mmm.cli.settings import FromFile, OwnTz, Settings, settle
from mmm.cli.shell import begin, print_json, print_notes
from mmm.errors import ConfigError

Registry = Annotated[Path, typer.Option("--model", help="Folder of the registry of models.")]
Leads = Annotated[str | None, typer.Option(help="Leads as they are now: as for training.")]
Deals = Annotated[str | None, typer.Option(help="Deals, if the models were trained so.")]
Outcome = Annotated[str | None, typer.Option(help="Column of the outcome, if renamed.")]
LeadId = Annotated[str | None, typer.Option(help="Column of ids, if renamed.")]
AsOf = Annotated[str | None, typer.Option(help="Use nothing later than this day, YYYY-MM-DD.")]
Tolerance = Annotated[
    float, typer.Option(help="Log loss that a challenger may lose and still be not worse.")
]
By = Annotated[str, typer.Option(help="For the log: a role or a team, no name.")]
Why = Annotated[str, typer.Option(help="For the log: the reason.")]
_SAID = {
    "better": "better than the champion",
    "not worse": "not worse than the champion",
    "worse": "worse than the champion",
    "unclear": "perhaps worse (the interval is too wide to tell)",
    "too few": "not to be judged yet (fewer than 100 leads, or than 10 won or 10 not won)",
}


def compare(
    model: Registry,
    leads: Leads = None,
    touches: Touches = None,
    deals: Deals = None,
    outcome: Outcome = None,
    lead_id: LeadId = None,
    as_of: AsOf = None,
    locale: Locale = None,
    tz: OwnTz = None,
    column: Map = None,
    config: FromFile = None,
    tolerance: Tolerance = 0.01,
    as_json: Json = False,
) -> None:
    """Compare challenger and champion."""
    options = settle(
        config, {"leads": leads, "touches": touches, "deals": deals}, locale, tz, column
    )
    with told_options():
        judged = _judged(options, model, touches, deals, outcome, lead_id, as_of, column, tolerance)
    print_notes(judged.notes)
    if as_json:
        print_json(_plain(judged.registry) | {"comparison": judged.comparison.to_dict()})
        return
    _say_compared(judged)


def promote(
    model: Registry,
    leads: Annotated[str | None, typer.Option(help="As for compare; --force does without.")] = None,
    touches: Touches = None,
    deals: Deals = None,
    outcome: Outcome = None,
    lead_id: LeadId = None,
    as_of: AsOf = None,
    locale: Locale = None,
    tz: OwnTz = None,
    column: Map = None,
    config: FromFile = None,
    tolerance: Tolerance = 0.01,
    force: Annotated[bool, typer.Option("--force", help="Though it may be worse.")] = False,
    by: By = "",
    why: Why = "",
    as_json: Json = False,
) -> None:
    """Promote the challenger."""
    from mmm.prediction.registry import promote_model

    note = _note(by, why)
    figures = None
    with told_options():
        if leads is not None or config is not None:
            options = settle(
                config, {"leads": leads, "touches": touches, "deals": deals}, locale, tz, column
            )
            judged = _judged(
                options, model, touches, deals, outcome, lead_id, as_of, column, tolerance
            )
            figures = judged.comparison.to_dict()
            print_notes(judged.notes)
            if not judged.comparison.holds and not force:
                raise ConfigError(f"{_compared(judged)} Nothing is changed; insist with --force.")
        elif not force:
            raise ConfigError(
                "--leads is missing: a challenger is promoted on leads whose outcome is known. "
                "Pass them as for mmm score compare, or insist with --force."
            )
        # What was judged is what is promoted, also where somebody trains meanwhile.
        expected = None if figures is None else judged.registry
        state = promote_model(model, note, figures, forced=force, expected=expected)
    _say_state(state, f"Promoted: {state.champion} scores from now on.", as_json)


def rollback(model: Registry, by: By = "", why: Why = "", as_json: Json = False) -> None:
    """Bring the champion before back."""
    from mmm.prediction.registry import roll_back

    with told_options():
        state = roll_back(model, _note(by, why))
    _say_state(state, f"Rolled back: {state.champion} scores from now on.", as_json)


def _note(by: str, why: str) -> Any:
    from mmm.prediction.registry import Note

    with told_options():
        return Note(by, why)


def _judged(
    options: Settings,
    model: Path,
    touches: str | None,
    deals: str | None,
    outcome: str | None,
    lead_id: str | None,
    as_of: str | None,
    column: list[str] | None,
    tolerance: float,
) -> Any:
    """Read leads as the champion reads them, with their outcome, and compare."""
    from mmm.prediction.registry import read_registry
    from mmm.run import life

    read_registry(model)
    found = read_outcomes(options, model, touches, deals, outcome, lead_id, column)
    begin("comparing")
    return life.judge(model, found, outcome=outcome, as_of=as_of, tolerance=tolerance)


def _compared(judged: Any) -> str:
    """Say a comparison in one sentence, with its figures."""
    one = judged.comparison
    return (
        f"the challenger is {_SAID[one.verdict]}: its log loss is {one.difference:+.4f} "
        f"({one.lower:+.4f} to {one.upper:+.4f}, 90%) beside the champion's on {one.n:,} leads, "
        f"{one.n_won:,} of them won; up to {one.tolerance:+.4f} counts as not worse."
    )


def _say_compared(judged: Any) -> None:
    state, one = judged.registry, judged.comparison
    print(f"Champion {state.champion}, challenger {state.challenger}.")
    said = _compared(judged)
    print(said[0].upper() + said[1:])
    table = one.measures.set_index(["metric", "model"])
    rate = table.loc[("rate", "champion")]
    print(f"Won: {rate['value']:.1%} ({rate['lower']:.1%} to {rate['upper']:.1%}).")
    for name in ("champion", "challenger"):
        loss, auc, ece = (table.loc[(metric, name)] for metric in ("log_loss", "auc", "ece"))
        print(
            f"  {name}: promised {table.loc[('promised', name), 'value']:.1%}, log loss "
            f"{_interval(loss, '.3f')}, ranks {_interval(auc, '.0%')}, off by "
            f"{_interval(ece, '.1%')}"
        )


def _interval(metric: Any, shape: str) -> str:
    value, low, high = (format(float(metric[name]), shape) for name in ("value", "lower", "upper"))
    return f"{value} ({low} to {high})"


def _plain(state: Any) -> dict[str, Any]:
    return {"champion": state.champion, "challenger": state.challenger, "past": list(state.past)}


def _say_state(state: Any, said: str, as_json: bool) -> None:
    if as_json:
        print_json(_plain(state) | {"last": dict(state.last)})
        return
    print(said)
    if state.past:
        print(f"To take it back: mmm score rollback --model {state.folder}")
