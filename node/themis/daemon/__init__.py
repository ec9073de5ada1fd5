"""The loops that turn requests into answers, and what keeps them running."""
