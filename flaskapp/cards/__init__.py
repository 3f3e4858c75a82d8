"""Card transactions: the simulated source, the producer, the database, and the investigators."""
