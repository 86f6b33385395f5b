"""Customer systems: one file each, the only place where its client library is imported."""

from mmm.crm.target import FIELDS, Fields, Record, Refusal, Target

__all__ = ["FIELDS", "Fields", "Record", "Refusal", "Target"]
