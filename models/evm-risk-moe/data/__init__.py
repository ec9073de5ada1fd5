"""Real Solidity of npm packages and made-up contracts, compiled, encoded and labeled, split by project."""
