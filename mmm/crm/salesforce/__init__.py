"""Salesforce, by simple-salesforce."""

from mmm.crm.salesforce.target import open_source, open_target

__all__ = ["open_source", "open_target"]
