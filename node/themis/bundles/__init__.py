"""A model on disk: its manifest, its files, and why they are believed."""
