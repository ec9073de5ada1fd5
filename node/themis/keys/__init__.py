"""What signs."""
