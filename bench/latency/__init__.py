"""Three small streaming queries, and how soon a reader sees what follows from an event."""
