"""Card transactions: contracts, features and decisions, without engine or I/O."""

from __future__ import annotations

from lakehouse.domains.cards.domain import CARDS

__all__ = ["CARDS"]
