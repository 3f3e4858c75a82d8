"""The Spark session of a process, its queries, and their supervision."""
