"""HubSpot, by its official client."""

from mmm.crm.hubspot.target import open_source, open_target

__all__ = ["open_source", "open_target"]
