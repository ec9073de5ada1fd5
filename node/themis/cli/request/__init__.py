"""`themis request`, `refund` and `withdraw`: asking, and money that the oracle holds."""
