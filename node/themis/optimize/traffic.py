"""What a node was asked before: read from its store, never written."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from themis.bundles.bundle import Bundle
from themis.core.errors import Misconfigured, Refused, Unavailable
from themis.core.job import Job
from themis.core.keccak import keccak
from themis.core.types import Address, BlockId, CodeRef, Hash32
from themis.engine.engine import reader_of
from themis.store import rows
from themis.store.location import Location, is_there, reading

NEWEST: Final = 512
"""Answered requests that are looked at: more would not change the picture, and each is answered in every round."""
NEWEST_WRITTEN: Final = 32
"""Of a decoder, which takes a second for one."""

Request = tuple[bytes, bytes | None]
"""Input, and the code it refers to."""
Fetch = Callable[[Sequence[tuple[Address, BlockId]]], Sequence[bytes | Unavailable]]
"""Code of accounts at blocks, as the `Chain` port gives it."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests for one model."""

    work: tuple[Request, ...]
    """Oldest first; never empty."""
    steps: Mapping[int, int]
    """How often the node answered so many requests at once."""
    left_out: int = 0
    """Requests whose code cannot be had any more."""
    is_golden: bool = False
    """There was no traffic: these are the publisher's golden inputs."""


def recorded(store: Location, model_id: Hash32, bundle: Bundle, fetch: Fetch) -> Traffic:
    """Read the newest answered requests, or the golden inputs where there are none. Raises Misconfigured."""
    jobs, steps = _read(store, model_id) if is_there(store) else ([], Counter())
    work = _with_code(jobs[-NEWEST_WRITTEN:] if bundle.manifest.generation else jobs, bundle, fetch)
    if not work:
        golden = tuple((each.input, each.code) for each in bundle.golden)
        return Traffic(golden, {}, left_out=len(jobs), is_golden=True)
    return Traffic(tuple(work), steps, left_out=len(jobs) - len(work))


def _read(store: Location, model_id: Hash32) -> tuple[list[Job], Counter[int]]:
    """Answered jobs of a model, oldest first, and the sizes of the steps they were answered in."""
    with reading(store) as query:
        newest = query(
            f"SELECT {rows.JOB} FROM jobs WHERE output IS NOT NULL ORDER BY seq DESC LIMIT ?",  # noqa: S608
            NEWEST,
        )
        found = [job for job in map(rows.to_job, newest) if job.request.model_id == model_id]
        jobs = [job for job in reversed(found) if not job.request.items]
        times = dict(query("SELECT job_id, at_s FROM facts WHERE fact IN ('Computed', 'Proposed')"))
    together = Counter(times[job.id] for job in jobs if job.id in times)
    return jobs, Counter(together.values())


def _with_code(jobs: Sequence[Job], bundle: Bundle, fetch: Fetch) -> list[Request]:
    """The requests with their code, without those whose code is gone. The store keeps no code."""
    needs = reader_of(bundle).code_needed
    refs: list[CodeRef | None] = []
    for job in jobs:
        try:
            refs.append(needs(job.input))
        except Refused as error:
            raise Misconfigured(f"the store holds an answer to what {bundle.name} refuses ({error})") from error
    places = [(ref.address, job.seen_at.block) for ref, job in zip(refs, jobs, strict=True) if ref]
    found = iter(fetch(places) if places else ())
    work: list[Request] = []
    for job, ref in zip(jobs, refs, strict=True):
        if ref is None:
            work.append((job.input, None))
        elif isinstance(code := next(found), bytes) and keccak(code) == ref.code_hash:
            work.append((job.input, code))
    return work
