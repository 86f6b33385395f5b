"""Tables: the vocabulary of inputs, and their readers from files, databases and frames."""

from mmm.tables.readers import (
    read_contacts,
    read_deals,
    read_leads,
    read_roles,
    read_stages,
    read_touches,
)
from mmm.tables.schema import SPECS
from mmm.tables.spend import read_costs, read_spend
from mmm.tables.write import write_csv

__all__ = [
    "SPECS",
    "read_contacts",
    "read_costs",
    "read_deals",
    "read_leads",
    "read_roles",
    "read_spend",
    "read_stages",
    "read_touches",
    "write_csv",
]
