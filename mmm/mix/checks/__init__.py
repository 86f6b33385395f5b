"""Looks at a fitted model: decomposition, holdout, what was learnt, export of the draws."""
