"""What a change goes with, in sentences: terms netted by channel, and nobody named for little."""

import numpy as np
import pandas as pd

from mmm.funnel.kpi import Unit
from mmm.wording import Finding, round_to_total

LEAST = 1 / 3  # of the change: a channel that makes less of it is not what it comes from
# Factors with an action of their own where no channel is named.
_ALONE = frozenset(
    {"open_opportunities", "win_rate", "average_deal", "cycle_days"}
    | {"before_opportunity", "from_opportunity"}
)


def net_terms(terms: pd.DataFrame) -> pd.DataFrame:
    """Add up the terms of each channel, whose share of the leads may offset what a lead costs.

    Parameters
    ----------
    terms : pandas.DataFrame
        channel (empty for a term of all channels, which stays alone), factor and amount.

    Returns
    -------
    pandas.DataFrame
        One row a channel, or a term of none, the largest first: channel, factor (of its largest
        term that goes the way of its sum), amount, part (of that term), n_terms (not 0).

    Examples
    --------
    >>> terms = pd.DataFrame({"channel": ["Ads", "Ads", "Fair"], "amount": [9.0, -8.0, 4.0],
    ...     "factor": ["cost_per_lead", "mix", "conversion"]})
    >>> net_terms(terms)[["channel", "factor", "amount", "part"]].values.tolist()
    [['Fair', 'conversion', 4.0, 4.0], ['Ads', 'cost_per_lead', 1.0, 9.0]]
    """
    rows = []
    alone = terms["factor"].where(terms["channel"].eq(""), "")
    for _, own in terms[terms["amount"] != 0].groupby([terms["channel"], alone], sort=False):
        net = float(own["amount"].sum())
        main = own.iloc[int(np.argmax(own["amount"].to_numpy() * (1 if net >= 0 else -1)))]
        rows.append([main["channel"], main["factor"], net, float(main["amount"]), len(own)])
    found = pd.DataFrame(rows, columns=["channel", "factor", "amount", "part", "n_terms"])
    return found.sort_values(
        "amount", key=lambda x: -x.abs(), kind="stable", ignore_index=True
    ).astype({"amount": "float64", "part": "float64"})


def _spread(nets: pd.DataFrame, change: float) -> bool:
    """Tell whether no channel makes a third of the change."""
    return bool(nets["channel"].ne("").any() and (nets["amount"] / change).max() < LEAST)


def said_terms(
    terms: pd.DataFrame, change: float, unit: Unit, currency: str, top: int
) -> tuple[Finding, ...]:
    """Say what goes with the largest channels and the rest, in amounts that add up.

    Parameters
    ----------
    terms : pandas.DataFrame
        As `net_terms` takes them.
    change : float
        What they add up to, not 0.
    unit : str
        Of the amounts, as in `Kpi`.
    currency : str
    top : int
        Channels, or terms of none, that are named.
    """
    if len(terms) == 1 and not terms["channel"].iloc[0]:
        return ()  # the change itself, which was said
    nets, facts = net_terms(terms), {"currency": currency, "unit": unit}
    if _spread(nets, change):
        return (Finding("because.spread", change, facts={"n": len(nets), **facts}),)
    shown, others = nets.iloc[:top], nets.iloc[top:]
    rest = [float(others["amount"].sum())] if len(others) else []
    digits = {"share": 3, "days": 1}.get(unit, 0)
    rounded = round_to_total([*shown["amount"].tolist(), *rest], digits, total=change)
    said = []
    for row, amount in zip(shown.to_dict("records"), rounded, strict=False):
        key = f"because.{row['factor']}" + ("_of" if row["channel"] else "")
        key = "because.net_of" if row["n_terms"] > 1 else key
        own = {"amount": amount, **{name: row[name] for name in ("channel", "factor", "part")}}
        said.append(Finding(key, amount, facts=own | facts))
    if rest:
        n = int(others["n_terms"].sum())
        said.append(
            Finding("because.rest", rounded[-1], facts={"amount": rounded[-1], "n": n} | facts)
        )
    return tuple(said)


def action_on(terms: pd.DataFrame, change: float, better: int) -> tuple[str, str]:
    """Choose the action on the channel that makes most of the change, and name the channel.

    Parameters
    ----------
    terms : pandas.DataFrame
        As `net_terms` takes them.
    change : float
    better : {1, -1}
        1 where more is better.
    """
    if np.sign(change) == better:
        return "action.keep", ""
    nets = net_terms(terms)
    if _spread(nets, change):
        return "action.look_closer", ""
    main = nets[np.sign(nets["amount"]) == np.sign(change)].iloc[0]
    factor, channel = str(main["factor"]), str(main["channel"])
    if channel:
        return f"action.on_{factor}", channel
    return (f"action.{factor}" if factor in _ALONE else "action.look_closer"), ""
