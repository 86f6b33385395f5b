"""One small drawing of every figure of the package, from numbers that stand here.

The names are those of the functions, so that a figure without a drawing is noticed.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from mmm.attribution import plots as attribution
from mmm.funnel import plots as funnel
from mmm.mix import plots as mix
from mmm.prediction import plots as prediction
from mmm.signal import plots as signal

HOMES = (attribution, mix, funnel, prediction, signal)
WEEKS = np.arange("2025-01-06", "2025-05-26", 7, dtype="datetime64[D]")


def with_interval(name: str, value: Any, width: float, join: str = "") -> dict[str, Any]:
    """Return a column and the two ends of its interval."""
    middle = np.asarray(value, dtype=np.float64)
    return {name: middle, f"{join}lower": middle - width, f"{join}upper": middle + width}


SHARES = pd.DataFrame(
    {"channel": ["Email", "Events", "(unattributed)"], "share": [0.5, 0.3, 0.2],
     "lower": [0.4, 0.2, np.nan], "upper": [0.6, 0.4, np.nan]}
)  # fmt: skip
MOVES = pd.DataFrame(
    [("(start)", "Email", 6.0, 0.6), ("(start)", "Events", 4.0, 0.4),
     ("Email", "Events", 2.0, 0.25), ("Email", "(conversion)", 4.0, 0.5),
     ("Email", "(null)", 2.0, 0.25), ("Events", "(conversion)", 2.0, 1 / 3),
     ("Events", "(null)", 4.0, 2 / 3)],
    columns=["source", "target", "count", "probability"],
)  # fmt: skip
CHANNELS = ["Search", "Fairs"]
SPENDS = np.array([np.linspace(0, 20, 21), np.linspace(0, 8, 21)])
PLAN = pd.DataFrame(
    {"channel": CHANNELS, "current": [10.0, 20.0], "proposed": [15.0, 15.0]}
    | with_interval("marginal_romi", [0.4, -0.3], 0.2, "marginal_romi_")
    | with_interval("marginal_romi_after", [0.1, 0.0], 0.2, "marginal_romi_after_")
)
PROFIT = np.linspace(-4.0, 12.0, 161)


def _fit() -> Any:
    n = len(WEEKS)
    wave = np.sin(np.arange(n) / 3.0)
    frame = pd.DataFrame(
        {"date": WEEKS, "outcome": 8 + wave, "fitted": 8 + 0.8 * wave, "lower": 6 + wave,
         "upper": 10 + wave}
    )  # fmt: skip
    media = pd.DataFrame({"Search": 1.0 + 0 * wave, "Fairs": 2.0 + wave}).to_numpy().T
    return frame, media, n


def fit() -> Any:
    """Draw outcome, fit and what the fit is made of."""
    from mmm.mix.checks.decomposition import Decomposition

    frame, media, n = _fit()
    outcome, fitted = frame["outcome"].to_numpy(), frame["fitted"].to_numpy()
    parts = Decomposition(
        channels=tuple(CHANNELS), date=WEEKS, outcome=outcome, fitted=fitted,
        lower=fitted - 2, upper=fitted + 2, baseline=fitted - media.sum(axis=0), media=media,
        residual=outcome - fitted, innovation=np.zeros(n - 1), level=0.9,
    )  # fmt: skip
    return parts.plot("sales, €")


def curves() -> Any:
    """Draw two response curves with their bands."""
    from mmm.mix.effects.curves import ResponseCurves

    draws = np.sqrt(SPENDS)[None] * np.array([1.0, 2.0, 3.0])[:, None, None]
    today, most = np.array([4.0, 1.0]), np.array([10.0, 4.0])
    made = ResponseCurves(tuple(CHANNELS), SPENDS, draws, draws, 1.0, today, most)
    return made.plot(level=0.9, outcome="sales, €")


def contributions() -> Any:
    """Draw what two channels and all media brought, one of them resting on the prior."""
    frame = pd.DataFrame(
        {"channel": [*CHANNELS, "(media)"], "identified": ["prior", "data", "data"]}
        | with_interval("contribution", [10.0, 30.0, 40.0], 8.0, "contribution_")
    )
    return mix.plot_contributions(frame, level=0.9, outcome="sales, €")


def prior_posterior() -> Any:
    """Draw belief before and after for two channels."""
    frame = pd.DataFrame(
        {"channel": CHANNELS, "contraction": [0.7, 0.1]}
        | with_interval("prior", [12.0, 12.0], 9.0, "prior_")
        | with_interval("posterior", [20.0, 13.0], 3.0, "posterior_")
    )
    return mix.plot_prior_posterior(frame, level=0.9, outcome="sales, €")


def prior() -> Any:
    """Draw what is believed of two channels and of all media."""
    frame = pd.DataFrame(
        {"channel": [*CHANNELS, "(media)"], "stated": ["", "romi", ""]}
        | with_interval("share_of_outcome", [0.2, 0.1, 0.3], 0.08, "share_of_outcome_")
        | with_interval("romi", [0.5, 1.5, 0.8], 0.6, "romi_")
        | with_interval("marginal_romi", [0.1, 0.8, 0.3], 0.5, "marginal_romi_")
    )
    return mix.plot_prior(frame, level=0.9)


def frontier() -> Any:
    """Draw profit by total."""
    total = np.linspace(1.0, 9.0, 9)
    frame = pd.DataFrame(
        {"total": total} | with_interval("profit", 9 - (total - 5) ** 2, 4, "profit_")
    )
    return mix.plot_frontier(frame, level=0.9, today=(3.0, 4.0))


def stages() -> Any:
    """Draw a funnel of three stages."""
    frame = pd.DataFrame(
        {"stage": ["lead", "MQL", "won"], "entered": [1000, 400, 90], "lost": [400, 250, 0],
         "open": [200, 60, 0]} | with_interval("rate", [0.4, 0.22, np.nan], 0.05, "rate_")
    )  # fmt: skip
    return funnel.plot_funnel(frame, title="Funnel", level=0.9)


def incidence() -> Any:
    """Draw how leads end."""
    time = np.array([10.0, 30.0, 60.0, 90.0])
    ends = [
        pd.DataFrame(
            {"cause": name, "time": time} | with_interval("incidence", share * time / 90, 0.03)
        )
        for name, share in (("won", 0.2), ("lost", 0.5))
    ]
    return funnel.plot_incidence(pd.concat(ends), title="How leads end", level=0.9)


def waterfall() -> Any:
    """Draw why a figure moved."""
    terms = pd.DataFrame(
        {"channel": ["Ads", "", "Fair"], "factor": ["cost_per_lead", "mix", "conversion"],
         "amount": [300.0, -120.0, 40.0]}
    )  # fmt: skip
    return funnel.plot_waterfall(1000.0, 1220.0, terms, title="CAC", unit="€ a customer")


def fan() -> Any:
    """Draw the bookings of four months to come."""
    ends = [pd.Timestamp("2025-11-30", tz="UTC") + pd.DateOffset(months=m) for m in range(4)]
    parts = {"total": 15.0, "open_deals": 8.0, "new_leads": 4.0, "repeat": 3.0}
    rows = [
        (m + 1, end, part, "bookings", mean * (m + 1), 5.0, 40.0 + 10 * m)
        for m, end in enumerate(ends)
        for part, mean in parts.items()
    ]
    names = ["month", "end", "part", "measure", "mean", "lower", "upper"]
    return funnel.plot_fan(pd.DataFrame(rows, columns=names), title="Bookings", level=0.9)


def _outcome() -> tuple[np.ndarray, np.ndarray]:
    p = np.linspace(0.01, 0.9, 300)
    return (np.arange(300) % 10 < 10 * p).astype(float), p


def reliability() -> Any:
    """Draw promised against seen."""
    from mmm.prediction import metrics

    return prediction.plot_reliability(metrics.reliability(*_outcome()))


def gains(lift: bool = False) -> Any:
    """Draw what calling the best leads first finds."""
    from mmm.prediction import metrics

    table = metrics.gains(*_outcome())
    return prediction.plot_lift(table) if lift else prediction.plot_gains(table)


def distribution() -> Any:
    """Draw how the probabilities are spread."""
    edges = np.linspace(0.1, 1.0, 10)
    table = pd.DataFrame(
        {"outcome": ["lost"] * 10 + ["won"] * 10, "probability": np.tile(edges, 2),
         "n": [*range(20, 0, -2), *range(10)]}
    )  # fmt: skip
    return prediction.plot_distribution(table)


def triangulation() -> Any:
    """Draw three answers about two channels."""
    rows = {"channel": CHANNELS, "plan": [3.0, 2.0]}
    for name, value in (("attributed", [5.0, 1.0]), ("incremental", [3.0, 4.0]),
                        ("experiment", [np.nan, 3.5])):  # fmt: skip
        rows |= with_interval(name, value, 1.0, f"{name}_")
    return signal.plot_triangulation(pd.DataFrame(rows))


def maturity() -> Any:
    """Draw what cohorts brought and will bring."""
    table = pd.DataFrame({"date": pd.date_range("2025-01-06", periods=4, freq="7D")}).assign(
        realised=[4.0, 2.0, 1.0, 0.0], expected_value=[4.0, 3.0, 3.0, 2.0],
        lower=[4.0, 2.0, 1.5, 0.5], upper=[4.0, 5.0, 6.0, 6.0],
    )  # fmt: skip
    return signal.plot_maturity(table)


def _models() -> pd.DataFrame:
    other = SHARES.assign(model="markov", share=[0.35, 0.45, 0.2])
    return pd.concat([SHARES.assign(model="linear"), other])


def _choices() -> pd.DataFrame:
    base = SHARES.rename(columns={"share": "base"})
    rows = [("order_2", [0.45, 0.35, 0.2]), ("last_deal", [0.6, 0.2, 0.2])]
    return pd.concat([base.assign(variation=name, share=share) for name, share in rows])


LENGTHS = pd.DataFrame(
    {"n_touches": [1, 2, 3, 9], "journeys": [40.0, 30.0, 20.0, 5.0],
     "conversions": [4.0, 6.0, 8.0, 3.0]}
)  # fmt: skip
LAGS = pd.DataFrame(
    {"channel": ["Early"] * 4 + ["Late"] * 4, "weight": 1.0,
     "days_to_close": [100.0, 90.0, 70.0, 40.0, 1.0, 5.0, 20.0, 60.0]}
)  # fmt: skip
PATHS = pd.DataFrame(
    {"path": ["Email > Events", "Email"], "journeys": [20.0, 30.0], "conversions": [8.0, 4.0],
     "share_of_conversions": [0.4, 0.2]}
)  # fmt: skip
DRIFT = pd.DataFrame(
    {"feature": ["channel", "region", "touches"], "psi": [0.31, 0.14, 0.02],
     "lower": [0.22, 0.08, 0.0], "upper": [0.40, 0.2, 0.05],
     "state": ["strong", "moderate", "stable"]}
)  # fmt: skip
HAZARD = pd.DataFrame(
    {"age_days": [5.0, 20.0, 60.0], "won": [0.05, 0.1, 0.2], "lost": [0.1, 0.3, 0.5]}
)
AGES = [[0.05, 0.2, 0.3], [0.0, 0.1, np.nan]]

DRAWINGS: dict[str, Callable[[], Any]] = {
    "plot_shares": lambda: attribution.plot_shares(SHARES, title="Linear", level=0.9),
    "plot_comparison": lambda: attribution.plot_comparison(_models(), title="Models", level=0.9),
    "plot_robustness": lambda: attribution.plot_robustness(_choices(), model="markov", level=0.9),
    "plot_transitions": lambda: attribution.plot_transitions(MOVES),
    "plot_graph": lambda: attribution.plot_graph(MOVES),
    "plot_path_lengths": lambda: attribution.plot_path_lengths(LENGTHS),
    "plot_time_lags": lambda: attribution.plot_time_lags(LAGS),
    "plot_top_paths": lambda: attribution.plot_top_paths(PATHS),
    "plot_fit": fit,
    "plot_contributions": contributions,
    "plot_curves": curves,
    "plot_prior_posterior": prior_posterior,
    "plot_residuals": lambda: mix.plot_residuals(
        WEEKS, np.cos(np.arange(20.0)), np.sin(np.arange(19.0))
    ),
    "plot_plan": lambda: mix.plot_plan(PLAN, PROFIT, 2.0, level=0.9, title="Move 5 a week"),
    "plot_budget": lambda: mix.plot_budget(PLAN),
    "plot_marginal": lambda: mix.plot_marginal(PLAN, level=0.9),
    "plot_gain": lambda: mix.plot_gain(PROFIT, 2.0, level=0.9),
    "plot_frontier": frontier,
    "plot_prior": prior,
    "plot_funnel": stages,
    "plot_incidence": incidence,
    "plot_cohorts": lambda: funnel.plot_cohorts(
        AGES, cohorts=["Q1", "Q2"], ages=["30", "60", "90"], sizes=[1200, 7], title="Won within"
    ),
    "plot_waterfall": waterfall,
    "plot_fan": fan,
    "plot_reliability": reliability,
    "plot_gains": gains,
    "plot_lift": lambda: gains(lift=True),
    "plot_distribution": distribution,
    "plot_reasons": lambda: prediction.plot_reasons(
        ["few touches", "asked for a price"], [0.4, -1.0], base=-1.0, title="One lead"
    ),
    "plot_drift": lambda: prediction.plot_drift(DRIFT),
    "plot_hazard": lambda: prediction.plot_hazard(HAZARD),
    "plot_triangulation": triangulation,
    "plot_maturity": maturity,
}  # fmt: skip
