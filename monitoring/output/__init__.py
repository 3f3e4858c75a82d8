"""What a run leaves behind: plots, tables, the report as JSON and as one page, rows of runs."""
