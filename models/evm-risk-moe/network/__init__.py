"""The network in floats and in integers: trained, calibrated and written as a bundle."""
