"""Vulnerable functions and their safe twins as Solidity, made up from a seed: what is learnt and what is held out."""
