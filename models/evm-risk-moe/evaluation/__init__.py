"""What the exported model is worth on held-out code, beside Slither, rules and regression; the card says it."""
