"""Runs models for the sake of somebody else's answer: nothing is signed, stored or sent here."""
