"""JSON-RPC to one oracle contract."""
