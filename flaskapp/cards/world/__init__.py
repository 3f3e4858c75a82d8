"""A simulated world of cards, with an oracle that knows how it was made."""
