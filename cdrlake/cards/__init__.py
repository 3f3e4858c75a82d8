"""Commands and services of card transactions."""
