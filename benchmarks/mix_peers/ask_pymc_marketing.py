"""PyMC-Marketing's answer, at its defaults, about one company: a task in, an `Answer` out, as JSON.

Run by `benchmarks/mix_worlds.py` in an environment that has pymc-marketing:

    --peer pymc_marketing='/path/to/python benchmarks/mix_peers/ask_pymc_marketing.py'

Geometric carry-over over eight weeks, logistic saturation, two yearly waves, a linear trend as a
control column, the controls, its own priors; four chains of 1,000 draws. The plan is chosen from
its steady response at the posterior draws, with the curves as fitted.
"""

import json
import sys
import warnings

import numpy as np
import pandas as pd
from scipy.optimize import minimize

L_MAX = 8
DRAWS = 1_000


def fit(task: dict) -> tuple:
    """Fit the default model; return it with its posterior."""
    from pymc_marketing.mmm import MMM, GeometricAdstock, LogisticSaturation

    frame = pd.DataFrame({"date": pd.to_datetime(task["date"]), **task["columns"]})
    if "region" in frame:
        raise SystemExit("panels are not asked of this model")
    frame["trend"] = np.linspace(-1, 1, len(frame))
    model = MMM(
        date_column="date",
        channel_columns=task["channels"],
        control_columns=["trend", *task["controls"]],
        adstock=GeometricAdstock(l_max=L_MAX),
        saturation=LogisticSaturation(),
        yearly_seasonality=2,
    )
    outcome = pd.Series(task["outcome"], name="y")
    model.fit(
        frame, outcome, draws=DRAWS, tune=1_000, chains=4, cores=1, random_seed=0, progressbar=False
    )
    return model, frame


def answer(task: dict) -> dict:
    """Answer the task."""
    import arviz

    model, frame = fit(task)
    posterior = model.fit_result
    outcome_scale = float(np.max(np.abs(task["outcome"])))
    parts = outcome_scale * posterior["channel_contribution"].sum("date")
    draws = parts.stack(draw_=("chain", "draw")).transpose("draw_", "channel").to_numpy()
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    media = draws.sum(axis=1)
    peak = np.array([np.abs(frame[name]).max() for name in task["channels"]])
    lam, beta = (
        posterior[name].stack(draw_=("chain", "draw")).transpose("draw_", ...).to_numpy()
        for name in ("saturation_lam", "saturation_beta")
    )

    def response(spend: np.ndarray) -> np.ndarray:
        falling = np.exp(-lam * spend / peak)
        return outcome_scale * (beta * (1 - falling) / (1 + falling)).sum(axis=1)

    today = np.array(task["current"])
    plan = best(lambda spend: float(response(spend).mean()), today)
    gain = response(plan) - response(today)
    r_hat = arviz.rhat(posterior, var_names=["saturation_lam", "saturation_beta", "adstock_alpha"])
    return {
        "contribution": draws.mean(axis=0).tolist(),
        "lower": low.tolist(),
        "upper": high.tolist(),
        "media": float(media.mean()),
        "media_lower": float(np.quantile(media, 0.05)),
        "media_upper": float(np.quantile(media, 0.95)),
        "level": task["level"],
        "plan": plan.tolist(),
        "probability_better": float((gain > 0).mean()),
        "gain": float(gain.mean()),
        "converged": bool(r_hat.to_array().max() <= 1.01),
    }


def best(value, today: np.ndarray) -> np.ndarray:
    """Return the plan of the same total, each channel within 50% of today; curves are concave."""
    total = today.sum()
    found = minimize(
        lambda share: -value(share * total) / value(today),
        today / total,
        method="SLSQP",
        bounds=[(0.5 * spend / total, 1.5 * spend / total) for spend in today],
        constraints=[{"type": "eq", "fun": lambda share: share.sum() - 1}],
    )
    return np.clip(found.x * total, 0.5 * today, 1.5 * today)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(answer(json.load(sys.stdin))))
