"""The story of Themis on a real chain, told by real parts: `python -m demo`."""
