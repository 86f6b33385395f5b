"""Whether the data contradict what was stated of a channel, however firmly it was stated."""

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from mmm.mix.effects.effect import density_changes
from mmm.mix.fitted import Fitted
from mmm.mix.inference.media import channel_media
from mmm.mix.transforms import Floats

_DISAGREES = 2.5  # standard errors
_LEAST = 0.05  # of the variance of a parameter: below, Monte Carlo error would judge
_KEPT = 50  # draws that are looked at
_FACTORS = np.exp(np.linspace(np.log(0.02), np.log(200.0), 47))


def stated_conflicts(model: Fitted) -> list[str]:
    """Say which stated intervals disagree with the data, and to which side.

    Two signs are looked at, since each is blind where the other sees. Data that outweigh a
    statement move the posterior away from it: with normal errors, a posterior of z ~ N(0, 1) with
    mean m and variance v lies m / sqrt(1 - v) standard errors off. A statement that outweighs the
    data leaves them worse explained: with more or less of the channel in each draw, all else held,
    the log density of the outcome could be higher by half the square of that number.

    Parameters
    ----------
    model : Fitted
        Without panels.

    Returns
    -------
    list of str
    """
    media, posterior = model.scaled_.problem.media, model.posterior_
    if media.own is None:
        return []
    names = [name for name, on in zip(model.channels_, model.active_, strict=True) if on]
    z = posterior.z[:, media.n_curve + media.own.channels]
    moved = z.mean(axis=0) / np.sqrt(np.maximum(1.0 - z.var(axis=0), _LEAST))
    missed = _missed(model)
    apart = np.where(np.abs(moved) > np.abs(missed), moved, missed)
    return [
        f"What priors= state of {names[c]!r} lies {abs(at):.1f} standard errors "
        f"{'below' if at > 0 else 'above'} what the data say. One of them is wrong: check the "
        "units of spend, outcome and margin, look for what moves spend and outcome alike, or "
        "state a wider interval."
        for c, at in zip(media.own.channels, apart, strict=True)
        if abs(at) > _DISAGREES
    ]


def _missed(model: Fitted) -> Floats:
    """Return how much better data would be explained, in standard errors, shape (n_own,)."""
    problem, own = model.scaled_.problem, model.scaled_.problem.media.own
    assert own is not None
    z = model.posterior_.z[:: max(len(model.posterior_.z) // _KEPT, 1)]
    found = []
    with threadpool_limits(limits=1):  # small matrices: threads would wait for each other
        response, change = density_changes(problem, z)
        parts = channel_media(problem.media, response)
        for channel in own.channels:
            gain = [change((1.0 - factor) * parts[:, channel]).mean() for factor in _FACTORS]
            best = int(np.argmax(gain))
            found.append(np.sign(_FACTORS[best] - 1.0) * np.sqrt(2.0 * max(gain[best], 0.0)))
    return np.array(found)
