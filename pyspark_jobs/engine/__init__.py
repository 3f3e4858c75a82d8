"""The Spark session of a process, its queries, and what watches over them."""
