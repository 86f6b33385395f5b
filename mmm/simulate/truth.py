"""The truth about a synthetic company: what no real company ever gets to see."""

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from mmm.simulate.accounts import COEFFICIENTS, INTENT_LOGIT
from mmm.simulate.revenue import MixTruth
from mmm.simulate.settings import Settings


@dataclass(frozen=True)
class Truth:
    """What generated the tables.

    Attributes
    ----------
    settings : Settings
        The knobs.
    channels : DataFrame (n_channels, 7)
        ``channel``, ``paid``, ``capture``, ``form_probability`` (a touch before the lead creates
        it), ``persuasion`` (largest gain in log odds of winning), ``incremental_value`` (expected
        euros lost were this channel's effect switched off) and ``incremental_share`` of the
        expected won value.
    expected_won_value : float
        Euros won up to the end, averaged over forms and wins, given the drawn touches.
    baseline_share : float
        1 - sum of the incremental shares: value that does not hang on any one channel. A deal that
        needs two channels is lost without either and counts for both, so that over a single year
        and with ``effect`` near 2 the sum can pass 1 and this fall below 0.
    without_marketing_share : float
        Share of the expected won value that would come with every channel switched off. It is
        below `baseline_share` where channels stand in for each other, above where they need each
        other.
    channel_map : DataFrame
        ``source``, ``medium``, ``channel``: the true channel behind each spelling.
    touches : DataFrame (n_touches, 4)
        ``touch_id``, ``channel``, ``captured`` (it only carried an intent already there),
        ``created_lead``.
    leads : DataFrame (n_leads, 6)
        ``lead_id``, ``account_id``, ``probability``, ``feature_logit``, ``intent``, ``won``.
    mix : MixTruth
        What generated ``weekly["revenue"]``.
    """

    settings: Settings
    channels: pd.DataFrame
    expected_won_value: float
    baseline_share: float
    without_marketing_share: float
    channel_map: pd.DataFrame
    touches: pd.DataFrame
    leads: pd.DataFrame
    mix: MixTruth

    def to_dict(self) -> dict[str, Any]:
        """Return the truth as plain numbers, lists and texts, rounded, without single touches.

        Returns
        -------
        dict
            The keys of this class but ``touches``; tables as one list a column.
        """
        return {
            "settings": asdict(self.settings),
            "currency": "EUR",
            "expected_won_value": round(self.expected_won_value, 2),
            "baseline_share": round(self.baseline_share, 6),
            "without_marketing_share": round(self.without_marketing_share, 6),
            "channels": _listed(self.channels.round({"incremental_value": 2}), 6),
            "channel_map": _listed(self.channel_map, 6),
            "lead_coefficients": {**COEFFICIENTS, "intent_per_confounding": INTENT_LOGIT},
            "leads": _listed(self.leads, 4),
            "mix": {
                "adstock": "s[t] = (1 - retention) * spend[t] + retention * s[t-1], s[-1] = 0",
                "saturation": "s^slope / (s^slope + half_saturation^slope)",
                "noise_sd": round(self.mix.noise_sd, 2),
                "parameters": _listed(self.mix.parameters, 4),
                "components": _listed(self.mix.components, 2),
            },
        }


def _listed(frame: pd.DataFrame, digits: int) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    for name in frame.columns:
        column = frame[name]
        if pd.api.types.is_datetime64_any_dtype(column):
            columns[str(name)] = column.dt.strftime("%Y-%m-%d").tolist()
        elif pd.api.types.is_float_dtype(column):
            # Adding 0.0 turns a rounded -0.0 into 0.0.
            columns[str(name)] = [round(float(value), digits) + 0.0 for value in column]
        else:
            columns[str(name)] = column.tolist()
    return columns
