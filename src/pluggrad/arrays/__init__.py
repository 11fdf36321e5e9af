"""What an array library is, and which one is meant."""
