"""The streaming and batch jobs on Spark; what stands here is shared by all domains."""
