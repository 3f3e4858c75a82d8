"""A run's output: plots, tables, the report as JSON and as a page, and rows of runs."""
