"""The source of card events: rows of a `creditcard.csv`, or a simulated world with an oracle."""
