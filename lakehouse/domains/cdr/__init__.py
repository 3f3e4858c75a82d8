"""Call-detail records and churn."""
