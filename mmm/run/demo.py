"""The demo: the shipped synthetic company as a configuration."""

from typing import Any

from mmm import datasets
from mmm.run.config import Config, make_config


def demo_config(language: str = "en") -> Config:
    """Return the configuration of the synthetic company.

    Parameters
    ----------
    language : {"en", "it"}

    Examples
    --------
    >>> demo_config().journeys.by
    'account'
    """
    tables = ("touches", "deals", "leads", "spend", "costs", "contacts", "roles")
    sections: dict[str, Any] = {name: {"source": str(datasets.path(name))} for name in tables}
    company = {"name": "Demo S.r.l.", "currency": "EUR", "language": language}
    return make_config({**sections, "company": company, "journeys": {"by": "account"}})
