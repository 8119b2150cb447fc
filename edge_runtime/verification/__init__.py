"""Whether a file does here what it did where it was exported."""
