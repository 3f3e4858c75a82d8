"""From features to predictions, and from outcomes to their labels."""
