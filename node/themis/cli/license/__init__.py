"""`themis license`: what licensors and licensees do."""
