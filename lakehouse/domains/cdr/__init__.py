"""Call-detail records: usage of subscribers, and who of them will churn."""

from lakehouse.domains.cdr.domain import CDR

__all__ = ["CDR"]
