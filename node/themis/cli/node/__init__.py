"""`themis check`, `run`, `status` and `jobs`: the node and what it does."""
