"""Synthetic companies that the package ships: their tables, their truth, grades for an answer."""

from mmm.datasets.catalogue import copy, load, names, path, tables, truth
from mmm.datasets.grading import Grade, grade

__all__ = ["Grade", "copy", "grade", "load", "names", "path", "tables", "truth"]
