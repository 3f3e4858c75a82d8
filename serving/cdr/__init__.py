"""Routes of the churn model's own."""
