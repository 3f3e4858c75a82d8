"""The simulator: a simulated or loaded population, its database, and the relay to Kafka."""
