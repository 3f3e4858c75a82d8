"""What is computed for a period: chunk values, limits, and the three findings."""
