"""Call-detail records: subscribers' usage, and which of them will churn."""

from lakehouse.domains.cdr.domain import CDR

__all__ = ["CDR"]
