"""The streaming and batch jobs on Spark; the packages outside a domain are shared by all."""
