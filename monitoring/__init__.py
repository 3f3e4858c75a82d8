"""Monitoring: reports early and reliably that a model no longer holds. No JVM in the process."""
