"""The touch log as a tracking tool would write it, and the truth beside it."""

from typing import Any

import numpy as np
import pandas as pd

from mmm.simulate.clock import to_instants
from mmm.simulate.columns import blank, ids
from mmm.simulate.draws import Bools, Ints, categories
from mmm.simulate.market import BRAND_CAMPAIGN, CAPTURE, CHANNELS, NAMES
from mmm.simulate.outcome import Outcome
from mmm.simulate.story import Touches
from mmm.simulate.world import World

_KNOWN_BEFORE_FORM = 0.25  # a company network gives an anonymous visitor away
_KNOWN_AFTER_FORM = 0.92


def touch_table(
    world: World, outcome: Outcome, touches: Touches
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write the touch log.

    Parameters
    ----------
    world : World
        The draws.
    outcome : Outcome
        When leads were created.
    touches : Touches
        What happened.

    Returns
    -------
    log : DataFrame
        ``touch_id``, ``person_id``, ``account_id`` (missing where the tool did not know it),
        ``touched_at``, ``source``, ``medium``, ``campaign``, ``content``.
    truth : DataFrame
        ``touch_id``, ``channel``, ``captured``, ``created_lead``.
    """
    rng, events = world.settings.rng("touch_labels"), touches.events
    size = events.days.size
    touch_id = ids("T", np.arange(size), 6)
    labels = _labels(events.channel, events.captured, touches.form, rng)
    identified = events.days >= outcome.lead_days[events.account]
    known = rng.random(size) < np.where(identified, _KNOWN_AFTER_FORM, _KNOWN_BEFORE_FORM)
    log = pd.DataFrame(
        {
            "touch_id": touch_id,
            "person_id": ids("P", touches.person, 5),
            "account_id": blank(ids("A", events.account, 4), ~known),
            "touched_at": to_instants(world.settings.monday, events.days),
            **labels,
        }
    )
    truth = pd.DataFrame(
        {
            "touch_id": touch_id,
            "channel": pd.Series([NAMES[code] for code in events.channel], dtype="str"),
            "captured": events.captured,
            "created_lead": touches.form,
        }
    )
    return log, truth


def channel_map() -> pd.DataFrame:
    """List the spellings of every channel: source, medium, channel."""
    rows = [
        (source, medium, channel.name)
        for channel in CHANNELS
        for source, medium, _ in channel.spellings
    ]
    return pd.DataFrame(rows, columns=["source", "medium", "channel"], dtype="str")


def _labels(
    channel: Ints, captured: Bools, form: Bools, rng: np.random.Generator
) -> "dict[str, pd.Series[Any]]":
    columns: dict[str, list[str | None]] = {
        name: [None] * channel.size for name in ("source", "medium", "campaign", "content")
    }
    for code, spec in enumerate(CHANNELS):
        rows = np.flatnonzero(channel == code)
        spelling = categories(rng, [weight for _, _, weight in spec.spellings], rows.size)
        campaign = categories(rng, [1.0] * max(len(spec.campaigns), 1), rows.size)
        for row, spelled, named in zip(rows, spelling, campaign, strict=True):
            columns["source"][row], columns["medium"][row] = spec.spellings[spelled][:2]
            if spec.campaigns:
                brand = captured[row] and spec.name in CAPTURE
                columns["campaign"][row] = BRAND_CAMPAIGN if brand else spec.campaigns[named]
            columns["content"][row] = spec.form if form[row] else spec.content
    return {name: pd.Series(values, dtype="str") for name, values in columns.items()}
