"""Customer systems, a module or a package each: the only place where a client is imported."""

from mmm.crm.target import FIELDS, Fields, Record, Refusal, Target

__all__ = ["FIELDS", "Fields", "Record", "Refusal", "Target"]
