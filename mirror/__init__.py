"""Keeps MySQL tables and the predictions topic equal to their Delta tables, without a JVM."""
