"""`themis account`: the deposit that a requester's orders are paid from."""
