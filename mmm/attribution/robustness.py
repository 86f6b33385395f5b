"""Robustness audit: how far the answer hangs on choices that nobody looks at.

The one module of attribution that builds journeys: each choice is made again, from the tables.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mmm.attribution.compare import MODELS, Model
from mmm.attribution.decay import time_decay
from mmm.attribution.markov import markov
from mmm.attribution.measure import Floats
from mmm.attribution.positions import position_based
from mmm.attribution.result import AttributionResult
from mmm.errors import ConfigError, DataWarning, MmmError, quoted
from mmm.journeys import UNATTRIBUTED, Journeys
from mmm.showing import Shown, as_text, statement
from mmm.wording import Finding

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LABEL, WITHIN = "mmm_label", "\x1f"
FINER = ("campaign", "content", "medium", "source")
REPEATS = ("minute", "keep", "day")
# A change that is printed as none.
STILL = 0.0005


@dataclass(frozen=True)
class Variation:
    """One choice made otherwise than in the base.

    Attributes
    ----------
    name : str
        In words; a key of the group "variation" in ``words`` is said in its language.
    build : mapping of str to object
        Options of `build_journeys` that differ.
    model : callable or None
        Called as ``model(journeys, measure=..., level=...)``; None: that of the base.
    repeats : {"minute", "keep", "day"}
        Contacts of one label that count once: those in the same minute of a journey (as
        everywhere), none, or all of one person or account on one day (UTC).
    within : str or None
        A further column of touches: labels are split by it, and their credit is added up again.
    """

    name: str
    build: Mapping[str, Any] = field(default_factory=dict)
    model: Model | None = None
    repeats: str = "minute"
    within: str | None = None

    def __post_init__(self) -> None:
        if self.repeats not in REPEATS:
            raise ConfigError(f"repeats is {self.repeats!r}. Choose one of {', '.join(REPEATS)}.")

    @property
    def rebuilds(self) -> bool:
        """Whether journeys have to be built again."""
        return bool(self.build) or self.repeats != "minute" or self.within is not None


@dataclass(frozen=True, eq=False, repr=False)
class Robustness(Shown):
    """Shares under other choices, beside those of the base.

    Attributes
    ----------
    base : AttributionResult
        Its intervals are what a change is held against.
    variations : tuple of str
        Names of the other choices that could be made.
    channels : tuple of str
        Channels of the base, then others that a variation found, then "(unattributed)".
    share : ndarray of float64, shape (n_variations, n_channels)
        0-1; a row sums to 1.
    base_share, lower, upper : ndarray of float64, shape (n_channels,)
        Shares of the base and their interval; NaN where there is none.
    notes : tuple of str
        What could not be run, and warnings on the way.
    """

    base: AttributionResult
    variations: tuple[str, ...]
    channels: tuple[str, ...]
    share: Floats
    base_share: Floats
    lower: Floats
    upper: Floats
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        moved = int(self.beyond.any(axis=1).sum())
        kind = (
            f"Robustness: {self.base.model}, {len(self.variations)} variations, "
            f"{moved} beyond the interval"
        )
        return as_text(statement(self.finding()), self.to_frame(), kind)

    @property
    def change(self) -> Floats:
        """Share less that of the base, shape (n_variations, n_channels)."""
        return self.share - self.base_share

    @property
    def beyond(self) -> npt.NDArray[np.bool_]:
        """Whether a share leaves the interval of the base, shape (n_variations, n_channels)."""
        return np.asarray((self.share < self.lower) | (self.share > self.upper))

    def to_frame(self) -> "pd.DataFrame":
        """Return one row a variation and channel.

        Returns
        -------
        pandas.DataFrame
            Columns variation, channel, share, base (share), change, lower, upper (interval of the
            base), beyond (whether the share leaves it).
        """
        import pandas as pd

        shape = self.share.shape

        def along(row: Floats) -> Floats:
            return np.broadcast_to(row, shape).ravel()

        return pd.DataFrame(
            {
                "variation": pd.Series(np.repeat(self.variations, shape[1]), dtype="str"),
                "channel": pd.Series(list(self.channels) * shape[0], dtype="str"),
                "share": self.share.ravel(),
                "base": along(self.base_share),
                "change": self.change.ravel(),
                "lower": along(self.lower),
                "upper": along(self.upper),
                "beyond": self.beyond.ravel(),
            }
        )

    def finding(self) -> Finding:
        """Say how many other choices move a channel beyond its interval, and which moves most."""
        n = len(self.variations)
        known = [c for c, name in enumerate(self.channels) if name != UNATTRIBUTED]
        if not n or not known or not self.base_share[known].any():
            return Finding("attribution.robust_unknown", None)
        change = self.change[:, known]
        v, c = np.unravel_index(np.abs(change).argmax(), change.shape)
        leader = int(self.base_share[known].argmax())
        moved = int(self.beyond.any(axis=1).sum())
        key = "fragile" if moved else "robust"
        if np.isnan(self.upper).all():
            key = "robust_without_interval"
        if not moved and abs(change[v, c]) < STILL:
            key = "robust_unmoved"
        return Finding(
            f"attribution.{key}",
            self.share[v, known[c]],
            change=change[v, c],
            because=("attribution.leader_stays",),
            facts={
                "n": n,
                "moved": moved,
                "channel": self.channels[known[c]],
                "base": self.base_share[known[c]],
                "variation": self.variations[v],
                "leader": self.channels[known[leader]],
                "kept": int((self.share[:, known].argmax(axis=1) == leader).sum()),
                "unit": "share",
            },
        )

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the share of each channel under every choice, beside the interval of the base.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from mmm.attribution.plots import plot_robustness

        return plot_robustness(self.to_frame(), model=self.base.model, level=self.base.level, ax=ax)


def robustness(
    touches: object | None,
    deals: object,
    *,
    leads: object | None = None,
    model: str | Model = "markov",
    variations: Sequence[Variation] | None = None,
    measure: str | None = None,
    level: float = 0.9,
    **options: Any,
) -> Robustness:
    """Make the choices behind an attribution otherwise, one at a time, and see what moves.

    Journeys are built again from the tables for each choice. By default: half and twice the
    lookback; journeys by account instead of person, or the reverse; the other way to share
    touches; repeats within a minute kept, and one contact a channel and day; finer groups added
    up again; and, where the model has them, orders 2 and 3, half-lives of 14 and 90 days, other
    shapes. A change within the interval of the base is no more than sampling error would do.

    Parameters
    ----------
    touches, deals, leads
        As in `build_journeys`.
    model : str or callable, default "markov"
        As in `compare`.
    variations : sequence of Variation, optional
        Instead of the default ones.
    measure : {"value", "conversions"}, optional
    level : float, default 0.9
        Coverage of the intervals of the base.
    **options
        Of `build_journeys`, such as roles, contacts, by and lookback_days: the base.

    Returns
    -------
    Robustness
        A variation that cannot be made is named in ``notes`` with the reason.

    Raises
    ------
    MmmError
        As `build_journeys` and the model do on the base.

    Examples
    --------
    >>> import pandas as pd
    >>> touches = pd.DataFrame({"person_id": ["p1", "p1", "p2"], "channel": ["Events", "Email",
    ...     "Email"], "touched_at": ["2023-06-10", "2024-02-20", "2024-02-01"]})
    >>> deals = pd.DataFrame({"deal_id": ["d1", "d2"], "person_id": ["p1", "p2"],
    ...     "created_at": ["2024-03-01"] * 2, "closed_at": ["2024-06-01"] * 2, "won": [True] * 2,
    ...     "value": ["1000.00", "500.00"]})
    >>> longer = Variation("a year more", {"lookback_days": 365})
    >>> audit = robustness(touches, deals, model="first_touch", variations=[longer])
    >>> audit.to_frame()[["variation", "channel", "share", "base"]].round(2)
         variation channel  share  base
    0  a year more   Email   0.33   1.0
    1  a year more  Events   0.67   0.0
    """
    from mmm.tables import read_deals, read_leads, read_touches

    function = _model(model)
    tables = _Tables(
        None if touches is None else read_touches(touches),
        read_deals(deals),
        None if leads is None else read_leads(leads),
        options,
    )
    told: dict[str, Any] = {"measure": measure, "level": level}
    journeys = tables.journeys()
    base = function(journeys, **told)
    asked = default_variations(model, tables) if variations is None else list(variations)
    rows: dict[str, Mapping[str, float]] = {}
    notes: list[str] = []
    for variation in asked:
        try:
            again = partial(tables.journeys, variation) if variation.rebuilds else lambda: journeys
            result = _vary(variation, again, variation.model or function, told, notes)
        except MmmError as error:
            notes.append(f"{variation.name} could not be run: {error}")
            continue
        rows[variation.name] = added_up(result)
    return _assembled(base, rows, tuple(dict.fromkeys(notes)))


@dataclass(frozen=True, eq=False)
class _Tables:
    """Tables read once, and the options of the base."""

    touches: "pd.DataFrame | None"
    deals: "pd.DataFrame"
    leads: "pd.DataFrame | None"
    options: Mapping[str, Any]

    def journeys(self, variation: Variation | None = None) -> Journeys:
        from mmm.journeys import build_journeys

        options = {**self.options, **({} if variation is None else variation.build)}
        touches = self.touches
        if variation is not None and (
            variation.repeats != "minute" or variation.within is not None
        ):
            touches = self._relabelled(variation, options)
            options["dimension"] = LABEL
        built = build_journeys(touches, self.deals, leads=self.leads, **options)
        relabelled = variation is not None and variation.repeats == "keep"
        return merge_labels(built) if relabelled else built

    def _relabelled(self, variation: Variation, options: Mapping[str, Any]) -> "pd.DataFrame":
        from mmm.channels import ChannelMap
        from mmm.journeys.inputs import label_touches

        if self.touches is None:
            raise ConfigError("there is no log of touches, so no repeats and no finer groups.")
        touches, channels = self.touches, options.get("channels") or ChannelMap()
        labels = label_touches(touches, options.get("dimension", "channel"), channels)
        if variation.within:
            finer = label_touches(touches, variation.within, channels)
            labels = labels + WITHIN + finer
        if variation.repeats == "keep":
            minute = touches["touched_at"].dt.floor("min")
            turn = labels.groupby([labels, minute]).cumcount()
            labels = labels.where(turn == 0, labels + WITHIN + turn.astype("str"))
        touches = touches.assign(**{LABEL: labels})
        if variation.repeats == "day":
            touches = touches.assign(mmm_day=touches["touched_at"].dt.floor("D"))
            who = [name for name in ("person_id", "account_id") if name in touches.columns]
            ordered = touches.sort_values("touched_at", kind="stable")
            touches = ordered.drop_duplicates([*who, LABEL, "mmm_day"]).drop(columns="mmm_day")
        return touches.reset_index(drop=True)


def _vary(
    variation: Variation,
    journeys: Callable[[], Journeys],
    function: Model,
    told: Mapping[str, Any],
    notes: list[str],
) -> AttributionResult:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = function(journeys(), **told)
    for warning in caught:
        if issubclass(warning.category, DataWarning):
            notes.append(f"{variation.name}: {warning.message}")
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    return result


def merge_labels(journeys: Journeys) -> Journeys:
    r"""Give labels that were split their common name again.

    Examples
    --------
    >>> split = Journeys.from_paths([["a", "a\x1f1"], ["b"]])
    >>> list(merge_labels(split).paths())
    [('a', 'a'), ('b',)]
    """
    names = [name.partition(WITHIN)[0] for name in journeys.channels]
    merged = sorted(set(names))
    code = {name: c for c, name in enumerate(merged)}
    codes = np.array([code[name] for name in names], dtype=np.int32)
    return replace(
        journeys,
        channels=tuple(merged),
        touch=codes[journeys.touch] if len(codes) else journeys.touch,
    )


def added_up(result: AttributionResult) -> dict[str, float]:
    r"""Return the share of each name, labels that were split added up, "(unattributed)" last.

    Examples
    --------
    >>> from mmm.attribution.rules import linear
    >>> added_up(linear(Journeys.from_paths([["a\x1fx", "a\x1fy"], ["b"]])))
    {'a': 0.5, 'b': 0.5, '(unattributed)': 0.0}
    """
    shares: dict[str, float] = {}
    for name, share in zip(result.channels, result.share.tolist(), strict=True):
        whole = name.partition(WITHIN)[0]
        shares[whole] = shares.get(whole, 0.0) + share
    return shares | {UNATTRIBUTED: result.unattributed.share}


def _assembled(
    base: AttributionResult, rows: Mapping[str, Mapping[str, float]], notes: tuple[str, ...]
) -> Robustness:
    own = added_up(base)
    names = dict.fromkeys(name for shares in (own, *rows.values()) for name in shares)
    bare = all(not shares.get(UNATTRIBUTED) for shares in (own, *rows.values()))
    channels = [name for name in names if name != UNATTRIBUTED] + ([] if bare else [UNATTRIBUTED])
    place = {name: c for c, name in enumerate(base.channels)}

    def bound(column: Floats) -> Floats:
        return np.array([column[place[c]] if c in place else np.nan for c in channels])

    def shares(of: Mapping[str, float]) -> list[float]:
        return [of.get(name, 0.0) for name in channels]

    return Robustness(
        base=base,
        variations=tuple(rows),
        channels=tuple(channels),
        share=np.array([shares(row) for row in rows.values()]).reshape(len(rows), len(channels)),
        base_share=np.array(shares(own)),
        lower=bound(base.lower),
        upper=bound(base.upper),
        notes=notes,
    )


def default_variations(model: str | Model, tables: _Tables) -> list[Variation]:
    """Return the choices that bear on these tables and this model."""
    options = tables.options
    days = float(options.get("lookback_days", 180))
    by = "person" if options.get("by") == "account" else "account"
    sharing = "next_deal" if options.get("touch_sharing") == "all_open" else "all_open"
    found = [
        Variation("lookback_short", {"lookback_days": days / 2}),
        Variation("lookback_long", {"lookback_days": days * 2}),
        Variation(f"by_{by}", {"by": by}),
        Variation(f"sharing_{sharing}", {"touch_sharing": sharing}),
    ]
    if tables.touches is not None:
        found.append(Variation("duplicates_kept", repeats="keep"))
        found.append(Variation("duplicates_daily", repeats="day"))
        taken = options.get("dimension", "channel")
        columns = [c for c in FINER if c in tables.touches.columns and c != taken]
        told = [c for c in columns if tables.touches[c].nunique() > 1]
        found += [Variation("grouping", within=told[0])] if told else []
    own = OF_MODEL.get(model, {}) if isinstance(model, str) else {}
    return found + [Variation(name, model=function) for name, function in own.items()]


OF_MODEL: Mapping[str, Mapping[str, Callable[..., AttributionResult]]] = MappingProxyType(
    {
        "markov": {f"order_{order}": partial(markov, order=order) for order in (2, 3)},
        "time_decay": {
            "half_life_short": partial(time_decay, half_life_days=14),
            "half_life_long": partial(time_decay, half_life_days=90),
        },
        "position_based": {
            f"shape_{shape}": partial(position_based, shape=shape)
            for shape in ("w", "full_path", "j", "inverse_j")
        },
    }
)


def _model(model: str | Model) -> Model:
    if callable(model):
        return model
    if model not in MODELS:
        raise ConfigError(f"model is {model!r}. Choose from {quoted(MODELS, 20)}.")
    return MODELS[model]
