"""The CDR source: a simulated or loaded population, its database, and the relay to Kafka."""
