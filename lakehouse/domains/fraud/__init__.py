"""Card fraud: events with engineered features, an online learner, and truth that comes later."""

from lakehouse.domains.fraud.domain import FRAUD

__all__ = ["FRAUD"]
