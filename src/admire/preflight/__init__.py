"""All that is refused before anything is spent; one file a room it asks."""
