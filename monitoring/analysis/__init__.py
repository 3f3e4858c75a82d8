"""What is computed of a period: chunk values, limits, and the three findings."""
