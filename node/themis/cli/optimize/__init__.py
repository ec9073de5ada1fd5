"""`themis optimize`."""
