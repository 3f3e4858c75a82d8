"""Names of a run's files, which users know."""

PERFORMANCE_PLOT, DRIFT_PLOT = "performance_plot.png", "drift_plot.png"
PERFORMANCE_TABLE, DRIFT_TABLE = "performance_report.csv", "drift_report.csv"
REPORT, PAGE = "report.json", "report.html"
FILES = (PERFORMANCE_PLOT, PERFORMANCE_TABLE, DRIFT_PLOT, DRIFT_TABLE, REPORT, PAGE)
