"""The prediction log of the REST service, joined with the truth."""
