"""The ground floor: settings, contracts, names, and reads of the lake that need no JVM."""
