"""Columns of a table of leads: their types, which know the future, what was promised."""
