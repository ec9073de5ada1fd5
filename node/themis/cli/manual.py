"""The list of commands, in the manual's order: where each lives, and its line. Nothing is loaded to print it."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Entry:
    """One command, or a group of them."""

    module: str
    """Below `themis.cli`; loaded when the command is asked for."""
    says: str
    """The first sentence of its own help."""


COMMANDS: Final = {
    "init": Entry("setup.commands", "Write config.toml into a new home."),
    "keys": Entry("keys.commands", "Make, import, list and rotate keys."),
    "deploy": Entry(
        "setup.commands",
        "Deploy an oracle, with a registry of models where it is given none, and write its address into config.toml.",
    ),
    "check": Entry("node.commands", "Check everything a node needs, and say what to do where something is missing."),
    "run": Entry("node.commands", "Run the node until it is told to stop (SIGTERM or Ctrl-C)."),
    "status": Entry("node.watching", "Show what the node does, what it holds and what it needs."),
    "jobs": Entry("node.watching", "List jobs, newest first, or show one with all that happened to it."),
    "rescan": Entry("node.rescan", "Read the chain again for requests that the node has missed."),
    "models": Entry("models.commands", "Register, offer, list and verify models."),
    "exact": Entry("exact.commands", "Make language models exact: the same bits on every machine."),
    "optimize": Entry(
        "optimize.commands",
        "Tune the models on this node's own traffic: analyze, plan, change, measure, keep or discard.",
    ),
    "license": Entry("license.commands", "Terms, grants, and the short way to an authorization."),
    "committee": Entry(
        "committee.commands", "Operators of several members, of which so many must sign the same answer."
    ),
    "warranty": Entry("warranty.commands", "Money behind answers: cover them, and see what is covered."),
    "watch": Entry(
        "warranty.watching",
        "Run covered answers again, challenge wrong ones, and defend this key's covers, until told to stop.",
    ),
    "request": Entry("request.commands", "Ask a model as this home's key, and wait for the answer."),
    "simulate": Entry(
        "request.simulating",
        "Call a contract that asks, run the model, and call the contract back: all of it dry, nothing is sent.",
    ),
    "verify": Entry(
        "request.verifying", "Run an answer of the chain again, and say whether it is what its model says."
    ),
    "trace": Entry(
        "request.tracing",
        "Run an answer of the chain again, alone, and commit to all that was computed; --json lists every tensor.",
    ),
    "refund": Entry(
        "request.payment", "Return the fee of a request that was not answered in time to its requester's credit."
    ),
    "withdraw": Entry("request.payment", "Pay an account its credit: earned fees, royalties, refunds."),
    "account": Entry(
        "account.commands", "The deposit that orders are paid from: pay in, take back, show; and canceling orders."
    ),
    "db": Entry("db.commands", "Copy, check, restore, migrate, prune or move the node's store."),
    "config": Entry("config.commands", "Show the configuration, and what other programs need of it."),
    "version": Entry("config.versions", "Show the versions that matter for a report."),
}
