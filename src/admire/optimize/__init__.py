"""scores -> the next trial."""
