"""Why an answer moved from one quarter to the next: exact parts, and one sentence."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, InputError, quoted
from mmm.funnel.because.decomposition import shapley
from mmm.wording import Finding

Floats = npt.NDArray[np.float64]

Answer = Callable[..., Mapping[str, float]]


@dataclass(frozen=True, eq=False, repr=False)
class Moved:
    """How each figure of an answer moved, and by what.

    Attributes
    ----------
    names : tuple of str, length n
        Figures, such as channels.
    before, after : ndarray of float64, shape (n,)
    switches : tuple of str, length n_switches
        What was changed.
    parts : ndarray of float64, shape (n_switches, n)
        What each moved, averaged over all orders of changing them; they sum to after - before.
    """

    names: tuple[str, ...]
    before: Floats
    after: Floats
    switches: tuple[str, ...]
    parts: Floats

    def __repr__(self) -> str:
        return f"Moved({len(self.names)} figures by {', '.join(self.switches)})"

    def to_frame(self) -> pd.DataFrame:
        """Return one row a figure: name, before, one column a switch, after."""
        parts = {switch: self.parts[k] for k, switch in enumerate(self.switches)}
        head = {"name": pd.Series(self.names, dtype="str"), "before": self.before}
        return pd.DataFrame({**head, **parts, "after": self.after})

    def findings(self, unit: str = "share", currency: str = "EUR") -> tuple[Finding, ...]:
        """Say of each figure how it moved and by what most, the largest move first.

        Parameters
        ----------
        unit : {"share", "money"}
            Of the figures.
        currency : str
        """
        if unit not in ("share", "money"):
            raise ConfigError(f"unit is {unit!r}. Pass 'share' or 'money'.")
        found = []
        for at in np.argsort(-np.abs(self.after - self.before), kind="stable"):
            change = float(self.after[at] - self.before[at])
            largest = int(np.argmax(np.abs(self.parts[:, at])))
            facts = {
                "channel": self.names[at],
                "before": float(self.before[at]),
                "after": float(self.after[at]),
                "switch": self.switches[largest],
                "part": float(self.parts[largest, at]),
                "currency": currency,
            }
            found.append(Finding(f"signal.moved_{unit}", float(self.after[at]), change, (),
                                 None, facts))  # fmt: skip
        return tuple(found)


def explain_move(
    answer: Answer, before: Mapping[str, object], after: Mapping[str, object]
) -> Moved:
    """Part the move of an answer between what was changed, exactly.

    The answer is computed for every mixture of old and new, 2^n of them, and each change is given
    its move averaged over all orders (Shapley 1953). Order-averaged parts are exact, add up, and do
    not hang on which change is made first.

    Parameters
    ----------
    answer : callable
        Called with one keyword a switch; returns {name: figure}. A figure that is missing is 0.
    before, after : mapping of str to object
        What each switch stands for, then and now, such as ``data`` (leads and deals that came since
        then), ``maturity`` (the day from which the old ones are looked at), ``spend`` and
        ``model``. A switch with the same object on both sides is not changed.

    Returns
    -------
    Moved

    Raises
    ------
    ConfigError
        If the two sides have other switches, or more than six of them.
    InputError
        If an answer is no number.

    References
    ----------
    Shapley 1953, A value for n-person games, Contributions to the Theory of Games II, 307-317.

    Examples
    --------
    >>> moved = explain_move(lambda price, n: {"sales": price * n}, {"price": 2.0, "n": 10.0},
    ...     {"price": 3.0, "n": 12.0})
    >>> moved.to_frame().values.tolist()
    [['sales', 20.0, 11.0, 5.0, 36.0]]
    """
    if set(before) != set(after):
        raise ConfigError(
            f"before has switches {quoted(before)}, after has {quoted(after)}. Pass the same."
        )
    switches = tuple(name for name in before if before[name] is not after[name])
    if len(switches) > 6:
        raise ConfigError(f"{len(switches)} switches take {2 ** len(switches)} answers. Pass 6.")
    answers = []
    for coalition in range(2 ** len(switches)):
        mixed = dict(before)
        for bit, name in enumerate(switches):
            if coalition >> bit & 1:
                mixed[name] = after[name]
        answers.append(answer(**mixed))
    names = tuple(dict.fromkeys(name for one in answers for name in one))
    values = np.array([[float(one.get(name, 0.0)) for name in names] for one in answers])
    if not np.isfinite(values).all():
        raise InputError("an answer holds figures that are no numbers. Leave them out.")
    parts = np.stack([shapley(values[:, c]) for c in range(len(names))], axis=1)
    return Moved(names, values[0], values[-1], switches, parts.reshape(len(switches), len(names)))


def records_as_of(
    frame: pd.DataFrame, *, since: object = None, until: object = None
) -> pd.DataFrame:
    """Return the leads or deals that were created in a span, both ends included.

    Parameters
    ----------
    frame : pandas.DataFrame
        With created_at.
    since, until : date, str or timestamp, optional
        Bare days hold their whole day.

    Returns
    -------
    pandas.DataFrame

    Examples
    --------
    >>> at = pd.to_datetime(["2025-01-05T09:00Z", "2025-04-05T09:00Z"])
    >>> len(records_as_of(pd.DataFrame({"created_at": at}), until="2025-03-31"))
    1
    """
    from mmm.funnel.records.instants import utc

    keep = frame["created_at"].notna()
    if since is not None:
        keep &= frame["created_at"] >= pd.Timestamp(utc(since)).floor("D")
    if until is not None:
        keep &= frame["created_at"] <= utc(until)
    return frame[keep]
