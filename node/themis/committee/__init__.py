"""How members of a committee talk: over HTTP between the endpoints that their profiles on the chain name."""
