"""The read-only HTTP API and its page."""
