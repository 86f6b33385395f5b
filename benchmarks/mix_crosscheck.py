"""The same density drawn by another sampler: nutpie (NUTS) and ours must agree.

    pip install nutpie
    python benchmarks/mix_crosscheck.py --making standard --seed 5

The log posterior and the gradient of one simulated company are those that `MixModel.fit` samples.
Both samplers draw all of its parameters and the contributions; their means, and how often each
lies below ends of the other's, may differ by Monte Carlo error and by nothing more. Every
difference is told in its standard errors, from effective sample sizes: they should be about 1 in
root mean square. Without nutpie the program says so and leaves.
"""

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import scipy.stats

from mmm.errors import DataWarning
from mmm.mix import MixModel, Sampling
from mmm.mix.inference.convergence import effective_size, ess_bulk, r_hat, split_chains
from mmm.mix.inference.joint import Joint, join_panels, log_joint
from mmm.mix.inference.media import mean_contribution
from mmm.mix.inference.problem import Scaled
from mmm.mix.inference.sampling import sample_mix
from mmm.simulate.worlds import make_world

ENDS = (0.05, 0.5, 0.95)


def of_company(making: str, seed: int, likelihood: str) -> tuple[Scaled, Joint, list[str]]:
    """Return the scaled problem of a simulated company, and the names of its channels."""
    world = make_world(seed, making=making)
    model = MixModel(
        channels=list(world.channels),
        controls=list(world.controls),
        date="date",
        likelihood=likelihood,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        model.set_up(world.frame, world.outcome)
    names = [name for name, on in zip(world.channels, model.active_, strict=True) if on]
    return model.scaled_, join_panels([model.scaled_.problem], [names]), names


def by_nutpie(joint: Joint, scaled: Scaled, n_draws: int, seed: int) -> np.ndarray:
    """Draw with NUTS, shape (n_chains, n_draws, n_parameters)."""
    import nutpie
    from nutpie.compiled_pyfunc import from_pyfunc

    problems = [scaled.problem]

    def make_density() -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
        def density(z: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = log_joint(joint, problems, z[None])
            return float(value[0]), gradient[0]  # an infinity ends the trajectory

        return density

    def make_expand(*_: int) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
        return lambda z: {"z": z}

    n = joint.n_parameters
    model = from_pyfunc(n, make_density, make_expand, [np.dtype("float64")], [(n,)], ["z"])
    trace = nutpie.sample(
        model, draws=n_draws, tune=800, chains=4, cores=1, seed=seed, progress_bar=False
    )
    return np.asarray(trace.posterior["z"])


def quantities(scaled: Scaled, names: list[str], z: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Return parameters, log contributions and their sum, (n_chains, n_draws, n_quantities)."""
    flat = z.reshape(-1, z.shape[-1])
    brought = mean_contribution(scaled.problem.media, flat)
    told = np.column_stack([np.log(brought), np.log(brought.sum(axis=1))])
    labels = [f"log contribution of {name}" for name in names] + ["log of all media"]
    labels += [f"z {i}" for i in range(z.shape[-1])]
    return labels, np.concatenate([told.reshape(*z.shape[:2], -1), z], axis=2)


def differences(ours: np.ndarray, theirs: np.ndarray) -> pd.DataFrame:
    """Return differences in standard errors, a row a quantity, shapes as `quantities`."""
    pooled = [draws.reshape(-1, draws.shape[-1]) for draws in (ours, theirs)]
    variance = sum(
        flat.var(axis=0) / ess_bulk(draws)
        for flat, draws in zip(pooled, (ours, theirs), strict=True)
    )
    found = {"mean": (pooled[0].mean(axis=0) - pooled[1].mean(axis=0)) / np.sqrt(variance)}
    ends = np.quantile(np.concatenate(pooled), ENDS, axis=0)
    for level, end in zip(ENDS, ends, strict=True):
        below = [(draws <= end).astype(float) for draws in (ours, theirs)]
        error = sum(level * (1 - level) / effective_size(split_chains(each)) for each in below)
        gap = below[0].mean(axis=(0, 1)) - below[1].mean(axis=(0, 1))
        found[f"below {level:.0%}"] = gap / np.sqrt(error)
    return pd.DataFrame(found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--making", default="standard")
    parser.add_argument("--seed", type=int, default=5, help="of the company")
    parser.add_argument("--likelihood", default="normal", help="or poisson, negative_binomial")
    parser.add_argument("--n-draws", type=int, default=2000, help="a chain, of four")
    options = parser.parse_args()
    try:
        import nutpie  # noqa: F401
    except ModuleNotFoundError:
        print("nutpie is not installed: nothing is compared. pip install nutpie")
        return
    scaled, joint, names = of_company(options.making, options.seed, options.likelihood)
    began = time.process_time()
    sampling = Sampling(n_draws=options.n_draws, max_rounds=1, progress=False)
    draws, _ = sample_mix([scaled], joint, options.likelihood, sampling, 0)
    spent = [time.process_time() - began]
    theirs = by_nutpie(joint, scaled, options.n_draws, 1)
    spent.append(time.process_time() - began - spent[0])
    labels, ours_told = quantities(scaled, names, draws.z)
    _, theirs_told = quantities(scaled, names, theirs)
    found = differences(ours_told, theirs_told)
    print(f"== {options.making} {options.seed}, {options.likelihood}: {len(names)} channels, "
          f"{len(scaled.problem.outcome)} weeks, {joint.n_parameters} parameters")  # fmt: skip
    for name, z, seconds in zip(("ours", "nutpie"), (draws.z, theirs), spent, strict=True):
        print(f"{name}: {seconds:.1f} CPU-s, r-hat at most {r_hat(z).max():.4f}, "
              f"effective draws at least {ess_bulk(z).min():.0f}")  # fmt: skip
    print(found.set_axis(labels).head(len(names) + 1).to_string(float_format="%.2f"))
    every = found.to_numpy().ravel()
    bound = scipy.stats.norm.isf(0.025 / len(every))
    print(f"{len(every)} differences in standard errors: root mean square "
          f"{np.sqrt(np.mean(every**2)):.2f}, largest {np.abs(every).max():.2f} (of as many "
          f"independent ones, under {bound:.2f} in 95 tables of 100)")  # fmt: skip


if __name__ == "__main__":
    main()
