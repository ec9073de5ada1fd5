"""Makes a bundle of a model, and tries it before anybody relies on it."""
