"""Monitoring: says early, and rightly, that the model no longer holds. No JVM in the process."""
