"""`themis keys`."""
