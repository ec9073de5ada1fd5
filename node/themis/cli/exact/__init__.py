"""`themis exact`."""
