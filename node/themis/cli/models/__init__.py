"""`themis models`: bundles made, registered, offered and verified."""
