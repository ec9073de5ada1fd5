"""The HTTP API and its page: read-only, but for orders."""
