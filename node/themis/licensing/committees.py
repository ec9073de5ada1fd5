"""Committees as commands and the API show them: the same fields, from the chain alone."""

from dataclasses import asdict
from typing import Any

from themis.chain.committees import MemberRow, Rules, Seen
from themis.core.spelling import shown


def shown_committee(seen: Seen) -> dict[str, Any]:
    """Amounts are decimal texts, in wei."""
    return {
        "committee": shown(seen.committee),
        **shown_rules(seen.rules),
        "stake_behind_answer_wei": str(seen.stake_behind_answer_wei),
        "signing": sum(member.signing for member in seen.members),
        "asked": seen.asked,
        "answered": seen.answered,
        "late": seen.late,
        "refunded": seen.refunded,
        "slashed": sum(member.slashed for member in seen.members),
        "members": [_member(member) for member in seen.members],
    }


def shown_rules(rules: Rules) -> dict[str, Any]:
    return asdict(rules) | {"stake_wei": str(rules.stake_wei), "fine_wei": str(rules.fine_wei)}


def _member(row: MemberRow) -> dict[str, Any]:
    return asdict(row) | {
        "member": shown(row.member),
        "owner": shown(row.owner),
        "stake_wei": str(row.stake_wei),
    }
