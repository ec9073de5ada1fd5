"""Themis: a decentralized AI oracle. Licensed, exact mixture-of-experts inference for smart contracts."""

__version__ = "0.1.0"
