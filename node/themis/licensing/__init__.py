"""What the chain says about terms, grants, asks and income."""
