"""`themis config` and `version`."""
