"""Simulation-based calibration of the mix: is the truth anywhere among the draws, equally often?

    python benchmarks/mix_calibration.py --n 40 --likelihood negative_binomial --folder out/ranks

Parameters are drawn from the prior of the default model, an outcome from them, and the posterior
by the same code as in `MixModel.fit`. If all of it is right, the rank of each true figure among its
draws is uniform (Talts et al. 2018, arXiv:1804.06788). --panels 2 and more share curves. Every set
is kept in the folder, so that a run that was interrupted goes on where it stopped.
"""

import argparse
import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats

from mmm.mix import MixModel, Sampling
from mmm.mix.inference.counts import draw_counts, expected_count
from mmm.mix.inference.joint import Joint, join_panels
from mmm.mix.inference.media import mean_contribution, respond
from mmm.mix.inference.posterior import Problem, noise_correlation, trend_size
from mmm.mix.inference.problem import Scaled
from mmm.mix.inference.sampling import sample_mix

N_WEEKS, N_CHANNELS, MEAN = 78, 3, 1.5
QUICK = Sampling(n_warmup=150, n_draws=250, n_starts=2, max_rounds=2)
NAMES = [f"channel {c + 1}" for c in range(N_CHANNELS)]


def templates(likelihood: str, n_panels: int) -> list[Scaled]:
    """Return problems whose spend, design and prior are the same for all sets."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(n_panels):
        spend = rng.gamma(1.5, 100.0, (N_WEEKS, N_CHANNELS))
        spend[:, 0] *= np.repeat(rng.random(N_WEEKS // 6) < 0.5, 6)
        model = MixModel(likelihood=likelihood)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.set_up(spend, rng.poisson(MEAN, N_WEEKS))
        found.append(model.scaled_)
    return found


def draw_outcome(problem: Problem, z: np.ndarray, rng: np.random.Generator) -> Problem:
    """Return the problem with baseline, noise and outcome drawn at z, shape (1, n_parameters)."""
    linear, n_media = problem.linear, problem.media.n_parameters
    size = np.exp(trend_size(linear, z[:, n_media]))[0]
    media = respond(problem.media, z).media[0]
    if problem.counts is not None:
        noise = np.sqrt(linear.rate / linear.shape)
        gamma = noise * linear.prior_sd * size * rng.standard_normal(len(size))
        eta = problem.counts.unit * (media + linear.design @ gamma)
        mean = expected_count(eta, problem.counts.bend)[None]
        counts = draw_counts(mean, problem.counts.dispersion(z[:, n_media + 1]), rng)[0]
        outcome = counts / problem.counts.unit
        return replace(problem, outcome=outcome, counts=replace(problem.counts, outcome=counts))
    sigma = np.sqrt(linear.rate / rng.gamma(linear.shape))
    gamma = sigma * linear.prior_sd * size * rng.standard_normal(len(size))
    rho, error = noise_correlation(problem, z)[0, 0], sigma * rng.standard_normal(N_WEEKS)
    error[0] /= np.sqrt(1.0 - rho**2)
    for t in range(1, N_WEEKS):
        error[t] += rho * error[t - 1]
    return replace(problem, outcome=media + linear.design @ gamma + error)


def figures(joint: Joint, problems: list[Problem], z: np.ndarray) -> dict[str, np.ndarray]:
    """Return what is ranked, shapes (n_draws,): contributions and what describes the noise."""
    found = {}
    for i, (part, problem) in enumerate(zip(joint.parts, problems, strict=True)):
        own = joint.read(part, z)
        contribution = mean_contribution(problem.media, own)
        where = f"panel {i + 1}: " if len(problems) > 1 else ""
        found |= {f"{where}{name}": contribution[:, c] for c, name in enumerate(NAMES)}
        found[f"{where}media"] = contribution.sum(axis=1)
        last = "dispersion" if problem.counts is not None else "correlation"
        found[f"{where}size of the trend"] = own[:, problem.media.n_parameters]
        found[f"{where}{last} (z)"] = own[:, problem.media.n_parameters + 1]
    for k in range(problems[0].media.n_curve):
        found[f"curve {k + 1}"] = joint.read(joint.parts[0], z)[:, k]
    if joint.pooling is not None:
        found["pooling (z)"] = z[:, joint.pooling]
        found["spread of deviations (z)"] = z[:, joint.pooling + 1]
    return found


def one_set(seed: int, likelihood: str, n_panels: int) -> dict[str, object]:
    """Draw a truth and data, sample, and rank the truth."""
    rng = np.random.default_rng([seed, n_panels])
    scaled = templates(likelihood, n_panels)
    names = [NAMES] * n_panels
    blank = join_panels([one.problem for one in scaled], names)
    truth = blank.draw_prior(1, rng)
    problems = [
        draw_outcome(one.problem, blank.read(part, truth), rng)
        for one, part in zip(scaled, blank.parts, strict=True)
    ]
    joint = join_panels(problems, names)
    panels = [replace(one, problem=each) for one, each in zip(scaled, problems, strict=True)]
    draws, _ = sample_mix(panels, joint, likelihood, QUICK, seed)
    z = draws.z.reshape(-1, joint.n_parameters)
    known, seen = figures(joint, problems, truth), figures(joint, problems, z)
    counted = problems[0].counts
    return {
        "rank": {name: float((seen[name] < known[name]).mean()) for name in known},
        "zeros": float((counted.outcome == 0).mean()) if counted is not None else 0.0,
        "divergences": draws.divergences,
    }


def table(sets: list[dict[str, dict[str, float]]]) -> pd.DataFrame:
    """Return a row a figure: mean rank, coverage of 90% and 50% intervals, p of uniform ranks."""
    ranks = pd.DataFrame([each["rank"] for each in sets])
    return pd.DataFrame(
        {
            "mean_rank": ranks.mean(),
            "inside_90": ranks.apply(lambda r: ((r > 0.05) & (r < 0.95)).mean()),
            "inside_50": ranks.apply(lambda r: ((r > 0.25) & (r < 0.75)).mean()),
            "p_uniform": ranks.apply(lambda r: scipy.stats.kstest(r, "uniform").pvalue),
        }
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--n", type=int, default=40, help="sets")
    parser.add_argument("--likelihood", default="negative_binomial")
    parser.add_argument("--panels", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("out/ranks"))
    options = parser.parse_args()
    kind = f"{options.likelihood}-{options.panels}"
    options.folder.mkdir(parents=True, exist_ok=True)
    sets = []
    for seed in range(options.n):
        path = options.folder / f"{kind}-{seed}.json"
        if not path.exists():
            draft = path.with_suffix(".part")
            draft.write_text(json.dumps(one_set(seed, options.likelihood, options.panels)))
            draft.replace(path)
        sets.append(json.loads(path.read_text()))
    found = table(sets)
    print(f"== {kind}, {len(sets)} sets of {N_WEEKS} weeks, "
          f"{np.mean([each['zeros'] for each in sets]):.0%} of weeks without any, "
          f"{sum(each['divergences'] for each in sets)} divergences")  # fmt: skip
    print(found.to_string(float_format="%.3f"))
    shown = [name for name in found.index if "channel" in name or name.endswith("media")]
    n = len(shown) * len(sets)
    inside = round(found.loc[shown, "inside_90"].mean() * n)
    low, high = scipy.stats.binom.interval(0.95, n, 0.9)
    print(f"{inside} of {n} intervals of contributions at 90% hold the truth ({inside / n:.1%}; "
          f"95% range of as many independent ones: {low / n:.1%} to {high / n:.1%})")  # fmt: skip
    print(f"smallest p of {len(found)} figures: {found['p_uniform'].min():.3f}")


if __name__ == "__main__":
    main()
