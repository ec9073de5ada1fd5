"""I/O: each module implements one port."""
