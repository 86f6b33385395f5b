"""The funnel: what a customer costs."""

from mmm.funnel.economics import channel_costs

__all__ = ["channel_costs"]
