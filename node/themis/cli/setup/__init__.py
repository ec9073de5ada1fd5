"""`themis init` and `deploy`: what makes a home."""
