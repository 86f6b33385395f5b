"""Odoo, by JSON-RPC."""

from mmm.crm.odoo.target import open_source, open_target

__all__ = ["open_source", "open_target"]
