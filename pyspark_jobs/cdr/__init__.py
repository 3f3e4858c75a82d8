"""Call-detail records: parse, validate, sum by day, compute features."""
