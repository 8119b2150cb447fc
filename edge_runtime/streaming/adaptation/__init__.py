"""What a detector adapts on the device while it runs."""
