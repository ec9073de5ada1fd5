"""Adaptors: that a trace's inputs are what a request says, and the answer's bytes what its outputs say.

A module for each contract that says so (`contracts/dispute/src/`), which it is the specification of; and how a
challenger finds what to accuse. `KNOWN` has them by the preprocessing that manifests name.
"""

from collections.abc import Mapping
from typing import Final

from themis.dispute.adaptors import plain, tensor, traced
from themis.dispute.adaptors.links import Adaptor

KNOWN: Final[Mapping[str, Adaptor]] = {each.ADAPTOR.preprocessing: each.ADAPTOR for each in (plain, tensor, traced)}
