"""What the answer hangs on: the choices before the model, made otherwise one at a time."""

from collections.abc import Mapping

import pandas as pd

from mmm.attribution import Robustness, robustness
from mmm.channels import ChannelMap
from mmm.run.config import Config
from mmm.run.reading import Progress, silent
from mmm.wording import say


def other_choices(
    tables: Mapping[str, pd.DataFrame],
    channels: ChannelMap,
    config: Config,
    progress: Progress = silent,
) -> Robustness | None:
    """Make the choices behind the headline model otherwise, where the configuration asks for it.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        As the readers return them.
    channels : ChannelMap
    config : Config
    progress : callable, optional
        Called with a few words before it begins: journeys are built again for each choice.

    Returns
    -------
    Robustness or None
        None where it is not asked for.
    """
    settings = config.attribution
    if not settings.robustness:
        return None
    progress(say("progress.choosing_otherwise", config.company.language))
    return robustness(
        tables.get("touches"),
        tables["deals"],
        leads=tables.get("leads"),
        model=settings.headline,
        level=settings.level,
        roles=tables.get("roles"),
        contacts=tables.get("contacts"),
        channels=channels,
        **config.journeys.model_dump(),
    )
