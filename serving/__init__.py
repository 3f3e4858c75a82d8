"""Every registered model behind REST and behind Kafka: two doors of the one scorer."""
