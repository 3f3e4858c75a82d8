"""From labelled rows to an evaluated model."""
