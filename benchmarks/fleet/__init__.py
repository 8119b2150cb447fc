"""What a common model gives the assets of a fleet."""
