"""Card transactions in the lake: features, training, and the comparison with the stream door."""
