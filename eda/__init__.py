"""Exploratory analysis: which usage tells churners apart, and which features follow from that."""

from eda.run import Result, run

__all__ = ["Result", "run"]
