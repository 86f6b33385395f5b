"""Indicators as formulas: sums of products over channels, which can be taken apart."""

from collections.abc import Mapping
from dataclasses import dataclass

from mmm.funnel.kpi import Unit


@dataclass(frozen=True)
class Formula:
    """A KPI as a sum of products over a sum of products, both over channels.

    Attributes
    ----------
    name : str
    unit : str
        As in `Kpi`.
    columns : tuple of str
        What a table has to hold; the first counts the records, and 0 of it means no activity.
    top, bottom : mapping of str to int
        Factors and their powers; an empty bottom is 1.
    better : int
        1 where more is better, -1 where less is.
    """

    name: str
    unit: Unit
    columns: tuple[str, ...]
    top: Mapping[str, int]
    bottom: Mapping[str, int]
    better: int

    @property
    def factors(self) -> tuple[str, ...]:
        """Names of the factors, each once."""
        return tuple(dict.fromkeys([*self.top, *self.bottom]))


FORMULAS = {
    formula.name: formula
    for formula in (
        Formula(
            "cac",
            "money",
            ("leads", "cost", "customers"),
            {"mix": 1, "cost_per_lead": 1},
            {"mix": 1, "conversion": 1},
            -1,
        ),
        Formula(
            "lead_to_customer",
            "share",
            ("leads", "customers"),
            {"mix": 1, "conversion": 1},
            {"mix": 1},
            1,
        ),
        Formula(
            "average_deal",
            "money",
            ("deals", "value"),
            {"deal_mix": 1, "average_deal": 1},
            {"deal_mix": 1},
            1,
        ),
        Formula(
            "won_value",
            "money",
            ("leads", "customers", "value"),
            {"leads": 1, "conversion": 1, "average_deal": 1},
            {},
            1,
        ),
        Formula(
            "sales_velocity",
            "money_per_day",
            ("open_opportunities", "win_rate", "average_deal", "cycle_days"),
            {"open_opportunities": 1, "win_rate": 1, "average_deal": 1, "cycle_days": -1},
            {},
            1,
        ),
    )
}
