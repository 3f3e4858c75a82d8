"""Call-detail records: parse, judge, sum up by day, compute features."""
