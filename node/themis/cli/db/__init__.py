"""`themis db`."""
