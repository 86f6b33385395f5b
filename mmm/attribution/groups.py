"""The same model on parts of the deals: kinds, stages, won and pipeline."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mmm.attribution.measure import check_journeys
from mmm.attribution.result import AttributionResult
from mmm.errors import ConfigError, InputError
from mmm.journeys import Journeys

if TYPE_CHECKING:
    import pandas as pd

Model = Callable[..., AttributionResult]

KINDS = ("new", "expansion", "renewal")
NO_KIND = "(not set)"


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """Results of one model on parts of the deals, side by side and never added up in silence.

    Attributes
    ----------
    by : str
        What the parts are: "kind", "state" or "stage".
    parts : mapping of str to AttributionResult
        One result a part, in order; all have the same channels.
    notes : tuple of str
        What the reader has to know about the parts.
    """

    by: str
    parts: Mapping[str, AttributionResult]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Split(by {self.by}: {', '.join(self.parts)})"

    def __getitem__(self, part: str) -> AttributionResult:
        """Return the result of one part."""
        return self.parts[part]

    def to_frame(self, *, cents: bool = False) -> "pd.DataFrame":
        """Return one row a part and channel.

        Parameters
        ----------
        cents : bool, default False
            As in `AttributionResult.to_frame`, each part to its own total.

        Returns
        -------
        pandas.DataFrame
            Columns named after `by` (the part), measure, channel, credit, share (of the part),
            lower, upper, n_deals (deals or, of early stages, leads).
        """
        import pandas as pd

        frames = []
        for part, result in self.parts.items():
            frame = result.to_frame(cents=cents)
            for at, (name, value) in enumerate(((self.by, part), ("measure", result.measure))):
                frame.insert(at, name, pd.Series([value] * len(frame), dtype="str"))
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def wide(self, column: str = "credit") -> "pd.DataFrame":
        """Return one row a channel and one column a part.

        Parameters
        ----------
        column : str, default "credit"
            Which column of `to_frame` to show.

        Returns
        -------
        pandas.DataFrame
            Column channel, then a column for each part; 0 where a part lacks the row.
        """
        import pandas as pd

        long = self.to_frame()
        if column not in long.columns[3:]:
            raise ConfigError(f"column is {column!r}. Choose one of {', '.join(long.columns[3:])}.")
        series = {
            part: rows.set_index("channel")[column]
            for part, rows in long.groupby(self.by, sort=False)
        }
        empty = np.nan if column in ("lower", "upper") else 0.0
        table = pd.DataFrame(series).reindex(pd.unique(long["channel"]))
        return table.fillna(empty).rename_axis("channel").reset_index()


def by_kind(model: Model, journeys: Journeys, **options: object) -> Split:
    """Credit new, expansion and renewal deals apart; their credits add up to the whole.

    A part holds the won, lost and unattributed deals of one kind. Of a journey without a deal
    nobody knows what kind it would have been: it is in no part, so that removal effects of Markov
    models compare won with lost deals alone.

    Parameters
    ----------
    model : callable
        Called as ``model(part, **options)``.
    journeys : Journeys
        From `build_journeys`, with deals that have a kind.
    **options
        Options of the model, such as `measure` and `level`.

    Returns
    -------
    Split
        By "kind": new, expansion, renewal, other kinds by name, "(not set)"; of these the ones
        that occur.

    Raises
    ------
    InputError
        If the journeys know no kinds.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from mmm.attribution import linear
    >>> journeys = Journeys.from_paths(["Events > Email", "Email"], value=[900.0, 100.0])
    >>> told = replace(journeys, kind=np.array(["new", "renewal"], dtype=object),
    ...     deal_id=np.array(["d1", "d2"], dtype=object))
    >>> by_kind(linear, told).wide()
      channel    new  renewal
    0   Email  450.0    100.0
    1  Events  450.0      0.0
    """
    _check(model, journeys)
    if journeys.kind is None or journeys.deal_id is None:
        raise InputError(
            "these journeys know no kind of deal. Build them with mmm.build_journeys from deals "
            "with a column kind (new, expansion, renewal)."
        )
    is_deal = np.asarray(journeys.deal_id != None, dtype=bool)  # noqa: E711 (element by element)
    kinds = _told(journeys.kind)
    bare = None if journeys.untouched is None else _told(journeys.untouched.kind)
    occurring = set(kinds[is_deal]) | (set() if bare is None else set(bare))
    parts = {
        kind: (is_deal & (kinds == kind), None if bare is None else bare == kind)
        for kind in _in_order(occurring)
    }
    note = "Journeys without a deal belong to no kind and are left out."
    return Split("kind", _results(model, journeys, parts, options), (note,))


def by_state(model: Model, journeys: Journeys, **options: object) -> Split:
    """Credit what was won and what is expected of open deals apart.

    Parameters
    ----------
    model : callable
        Called as ``model(part, **options)``.
    journeys : Journeys
        Built with ``expected=`` where open deals are to count.
    **options
        Options of the model, such as `measure` and `level`.

    Returns
    -------
    Split
        By "state": "won", with all journeys that have ended; "pipeline", the open deals with
        their expected value, where there are any. The sum of the two is the whole.

    Examples
    --------
    >>> from mmm.attribution import linear
    >>> by_state(linear, Journeys.from_paths(["Events > Email"], value=[900.0])).wide()
      channel    won
    0   Email  450.0
    1  Events  450.0
    """
    _check(model, journeys)
    is_open = journeys.is_open
    bare = None if journeys.untouched is None else journeys.untouched.is_open
    parts = {"won": (~is_open, None if bare is None else ~bare), "pipeline": (is_open, bare)}
    if not is_open.any() and (bare is None or not bare.any()):
        del parts["pipeline"]
        return Split("state", _results(model, journeys, parts, options))
    note = "Pipeline is what open deals are expected to bring, not money won."
    return Split("state", _results(model, journeys, parts, options), (note,))


Part = tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_] | None]


def _results(
    model: Model, journeys: Journeys, parts: Mapping[str, Part], options: Mapping[str, object]
) -> dict[str, AttributionResult]:
    return {part: model(_taken(journeys, *which), **options) for part, which in parts.items()}


def _taken(
    journeys: Journeys, keep: npt.NDArray[np.bool_], bare: npt.NDArray[np.bool_] | None
) -> Journeys:
    """Return a part; the whole itself, with its exact total, where nothing is left out."""
    if keep.all() and (bare is None or bare.all()):
        return journeys
    if bare is None and journeys.unattributed.deals:
        raise InputError(
            "these journeys do not say which deals have no touch, so they cannot be split. Build "
            "them with mmm.build_journeys."
        )
    return journeys.select(keep, untouched=bare)


def _check(model: object, journeys: object) -> None:
    check_journeys(journeys)
    if not callable(model):
        raise ConfigError(f"model is {model!r}. Pass the function itself, such as linear.")


def _told(kinds: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    return np.array([NO_KIND if kind is None else kind for kind in kinds], dtype=object)


def _in_order(kinds: set[str]) -> Iterator[str]:
    """Yield the known kinds first, others by name, those without one last."""
    yield from (kind for kind in KINDS if kind in kinds)
    yield from sorted(kinds - {*KINDS, NO_KIND})
    if NO_KIND in kinds:
        yield NO_KIND
