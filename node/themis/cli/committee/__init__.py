"""Committees: operators that are contracts, and answer when enough of their members signed the same result."""
