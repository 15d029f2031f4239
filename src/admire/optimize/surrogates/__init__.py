"""Models of the metrics over (mixture, model size)."""
