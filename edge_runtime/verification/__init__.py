"""Whether a file detects here as it did where it was exported."""
