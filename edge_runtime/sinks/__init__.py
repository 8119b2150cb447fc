"""Where a stream's results go."""
