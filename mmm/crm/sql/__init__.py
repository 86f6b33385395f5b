"""Databases, by SQLAlchemy."""

from mmm.crm.sql.target import open_source, open_target

__all__ = ["open_source", "open_target"]
