"""What a detector learns on the device while it runs."""
