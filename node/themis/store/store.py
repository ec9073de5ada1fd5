"""The store: one transaction per call, on disk before the call returns. In words that SQLite and PostgreSQL share."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from themis.core.agreement import Heard
from themis.core.errors import Broken, Reason, Refused
from themis.core.job import (
    Accepted,
    Answer,
    Closed,
    Counts,
    Fact,
    Finalized,
    HistoryEntry,
    Job,
    Mined,
    Relogged,
    Sent,
    State,
    Unanswered,
    Unmined,
    Unsent,
    apply,
)
from themis.core.order import taken_at
from themis.core.requesters import DAY_HOURS, HOUR_S
from themis.core.transaction import SentTransaction
from themis.core.types import Address, BlockRef, ChainEvent, Fulfilled, Hash32, Requested, Terms, TermsKey
from themis.store import rows
from themis.store.location import Location, opened

_REF: Final = "number, hash, timestamp_s"
_SETTLE: Final = "UPDATE transactions SET settled = ? WHERE nonce = ?"


class SqlStore:
    """One place, one operator, one oracle contract."""

    def __init__(self, location: Location, *, chain_id: int, oracle: bytes, operator: bytes) -> None:
        """Open; a file is made where there is none.

        Raises Misconfigured for what is not ours, or of another chain, contract or key, Unavailable where it is away.
        """
        self._db = opened(location, (chain_id, oracle, operator))
        self._operator = operator
        self._all = self._db.all
        self._transaction = self._db.transaction

    def lead(self) -> bool:
        """Become the one that writes; False while another node does."""
        return self._db.lead()

    def close(self) -> None:
        self._db.close()

    def tail(self) -> list[BlockRef]:
        return [_ref(row) for row in self._all(f"SELECT {_REF} FROM tail ORDER BY number")]  # noqa: S608 (our own names)

    def newest(self) -> BlockRef | None:
        found = self._all(f"SELECT {_REF} FROM tail ORDER BY number DESC LIMIT 1")  # noqa: S608 (our own names)
        return _ref(found[0]) if found else None

    def record_events(self, events: Iterable[ChainEvent], tail: Sequence[BlockRef], now_s: float) -> int:
        changed = 0
        with self._transaction():
            for event in events:
                changed += self._record_event(event, now_s)
            self._replace_tail(tail)
        return changed

    def rewind(self, fork: BlockRef, now_s: float) -> list[Hash32]:
        with self._transaction():
            unmined = self._all("SELECT id, mined_tx FROM jobs WHERE mined_block > ?", fork.number)
            self._settle({tx_hash for _, tx_hash in unmined}, settled=False)
            for job_id, tx_hash in unmined:
                self._apply(self._require(job_id), Unmined(), now_s)
                if not self._all("SELECT 1 FROM transactions WHERE hash = ?", tx_hash):
                    job = self._require(job_id)
                    self._apply(job, self._unsent(job), now_s)
            where = "seen_block > ? AND state != 'closed'"
            seen = self._all(f"SELECT id, order_signature FROM jobs WHERE {where}", fork.number)  # noqa: S608 (ours)
            gone = [Hash32(id_) for id_, order_signature in seen if order_signature is None]
            for id_, order_signature in seen:
                kept = order_signature is not None  # an order does not leave the chain with its block
                fact = Relogged(taken_at(fork.id)) if kept else Closed(Reason.REORGED)
                self._apply(self._require(id_), fact, now_s)
            self._db.execute("DELETE FROM terms WHERE read_block > ?", (fork.number,))
            self._replace_tail([ref for ref in self.tail() if ref.number <= fork.number])
        return gone

    def _unsent(self, job: Job) -> Unsent | Unanswered:
        """What becomes of a job whose answer left the chain with a transaction that is not here to be sent again.

        It is an earlier life's; or another member's of the committee that was asked, which says nothing of what is
        computed here, unless M members' signatures are.
        """
        return Unsent() if job.request.operator == self._operator or job.signatures else Unanswered()

    def record(self, facts: Sequence[tuple[Job, Fact]], now_s: float, settled: Sequence[int] = ()) -> None:
        final: set[bytes] = set()
        with self._transaction():
            for seen, fact in facts:
                current = self._require(seen.id)
                if (current.state, current.seen_at) != (seen.state, seen.seen_at):
                    continue
                self._apply(current, fact, now_s)
                if isinstance(fact, Finalized) and current.mined_at is not None:
                    final.add(current.mined_at.tx_hash)
                if isinstance(fact, Accepted):
                    self._count_accepted(seen.request.requester, now_s)
            self._settle({tx_hash for tx_hash in final if not self._is_waited_for(tx_hash)}, settled=True)
            self._db.executemany(_SETTLE, [(1, nonce) for nonce in settled])

    def record_order(self, job: Job, now_s: float) -> bool:
        with self._transaction():
            if self.job(job.id) is not None:
                return False
            self._insert(job)
            self._note(job.id, "Taken", f"block {job.seen_at.block_number}", now_s)
        return True

    def orders(self) -> list[Job]:
        where = "order_signature IS NOT NULL AND state NOT IN ('mined', 'done', 'closed')"
        return [rows.to_job(row) for row in self._all(f"SELECT {rows.JOB} FROM jobs WHERE {where} ORDER BY seq")]  # noqa: S608

    def record_terms(self, terms: Mapping[TermsKey, Terms], block_number: int) -> None:
        with self._transaction():
            self._db.executemany(
                "INSERT INTO terms VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [(key.model_id, key.version, t.hash, t.attribution, block_number) for key, t in terms.items()],
            )

    def terms(self, key: TermsKey) -> Terms | None:
        query = "SELECT hash, attribution FROM terms WHERE model_id = ? AND version = ?"
        found = self._all(query, key.model_id, key.version)
        return Terms(Hash32(found[0][0]), found[0][1]) if found else None

    def record_sent(self, sent: Sequence[SentTransaction]) -> None:
        with self._transaction():
            for transaction in sent:
                columns = rows.of_transaction(transaction)
                names, values = ", ".join(columns), ", ".join(f":{name}" for name in columns)
                self._db.execute(_SETTLE, (0, transaction.nonce))
                insert = f"INSERT INTO transactions ({names}) VALUES ({values}) ON CONFLICT DO NOTHING"  # noqa: S608
                self._db.execute(insert, columns)
                for job_id in transaction.job_ids:
                    job = self._require(job_id)
                    if job.state is State.COMPUTED:
                        self._apply(job, Sent(), transaction.sent_at_s)

    def record_broadcast(self, hashes: Sequence[Hash32], now_s: float) -> None:
        with self._transaction():
            self._db.executemany(
                "UPDATE transactions SET sent_at_s = ? WHERE hash = ?", [(now_s, each) for each in hashes]
            )

    def reopen(self, nonce: int) -> None:
        with self._transaction():
            self._db.execute("UPDATE transactions SET settled = 0 WHERE nonce >= ?", (nonce,))

    def unsettled(self) -> list[SentTransaction]:
        found = self._all(
            f"SELECT {rows.TRANSACTION} FROM transactions WHERE settled = 0 ORDER BY nonce, rowid"  # noqa: S608
        )
        return [rows.to_transaction(row) for row in found]

    def accepted(self, requester: Address, now_s: float) -> tuple[int, int]:
        hour = int(now_s) // HOUR_S
        hours = ", ".join(str(each) for each in range(hour - DAY_HOURS + 1, hour + 1))
        query = f"SELECT hour, jobs FROM accepted WHERE hour IN ({hours}) AND requester = ?"  # noqa: S608 (numbers)
        counts = dict(self._all(query, requester))
        return counts.get(hour, 0), sum(counts.values())

    def spent_wei(self, since_s: float) -> int:
        query = "SELECT coalesce(cost_wei, most_wei) FROM transactions WHERE signed_at_s >= ?"
        return sum(int(wei) for (wei,) in self._all(query, since_s))

    def uncosted(self, since_s: float, limit: int) -> list[SentTransaction]:
        where = "signed_at_s >= ? AND cost_wei IS NULL AND settled = 1"
        query = f"SELECT {rows.TRANSACTION} FROM transactions WHERE {where} ORDER BY signed_at_s LIMIT ?"  # noqa: S608
        return [rows.to_transaction(row) for row in self._all(query, since_s, limit)]

    def record_costs(self, costs: Mapping[Hash32, int]) -> None:
        with self._transaction():
            self._db.executemany(
                "UPDATE transactions SET cost_wei = ? WHERE hash = ?", [(str(wei), each) for each, wei in costs.items()]
            )

    def next_nonce(self) -> int:
        ((highest,),) = self._all("SELECT max(nonce) FROM transactions")
        return 0 if highest is None else int(highest) + 1

    def vow(self, committee: Address, request: Hash32, result_hash: Hash32, salt: Hash32) -> Hash32:
        with self._transaction():
            vow = "INSERT INTO vows VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
            self._db.execute(vow, (committee, request, result_hash, salt))
            query = "SELECT result_hash, salt FROM vows WHERE committee = ? AND request = ?"
            ((vowed, stands),) = self._all(query, committee, request)
        if vowed != result_hash:
            raise Refused(
                Reason.SIGNED_OTHERWISE,
                f"this key has promised result 0x{vowed.hex()} and not 0x{result_hash.hex()}: two would cost its stake",
            )
        return Hash32(stands)

    def hear(self, said: Sequence[Heard]) -> int:
        insert = f"INSERT INTO heard ({rows.HEARD}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"  # noqa: S608
        with self._transaction():
            return self._db.executemany(insert, [rows.of_heard(each) for each in said])

    def heard(self, request: Hash32) -> list[Heard]:
        query = f"SELECT {rows.HEARD} FROM heard WHERE request = ? ORDER BY seq"  # noqa: S608 (our own names)
        return [rows.to_heard(row) for row in self._all(query, request)]

    def job(self, job_id: Hash32) -> Job | None:
        found = self._all(f"SELECT {rows.JOB} FROM jobs WHERE id = ?", job_id)  # noqa: S608 (our own names)
        return rows.to_job(found[0]) if found else None

    def ids(self, first: Hash32, last: Hash32, *, limit: int) -> list[Hash32]:
        found = self._all("SELECT id FROM jobs WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?", first, last, limit)
        return [Hash32(id_) for (id_,) in found]

    def jobs(self, state: State | None = None, *, limit: int = 100, newest_first: bool = False) -> list[Job]:
        where = "" if state is None else "WHERE state = ?"
        order = "DESC" if newest_first else "ASC"
        query = f"SELECT {rows.JOB} FROM jobs {where} ORDER BY seq {order} LIMIT ?"  # noqa: S608 (all parts are ours)
        return [rows.to_job(row) for row in self._all(query, *([] if state is None else [str(state)]), limit)]

    def queued(self, limit: int, *, of: Hash32 | None = None, without: Collection[Hash32] = ()) -> list[Job]:
        models = "model_id = ?" if of else " AND ".join(["1 = 1", *["model_id != ?"] * len(without)])
        query = f"SELECT {rows.JOB} FROM jobs WHERE state = 'queued' AND {models} ORDER BY seq LIMIT ?"  # noqa: S608
        return [rows.to_job(row) for row in self._all(query, *([of] if of else without), limit)]

    def pending(self, block_number: int) -> list[Job]:
        accepted = "SELECT seq FROM jobs WHERE state IN ('queued', 'agreeing', 'computed', 'sending')"
        later = "SELECT seq FROM jobs WHERE mined_block > ?"
        query = f"SELECT {rows.JOB} FROM jobs WHERE seq IN ({accepted} UNION {later}) ORDER BY seq"  # noqa: S608
        return [rows.to_job(row) for row in self._all(query, block_number)]

    def history(self, job_id: Hash32) -> list[HistoryEntry]:
        found = self._all("SELECT at_s, fact, detail FROM facts WHERE job_id = ? ORDER BY rowid", job_id)
        return [HistoryEntry(*row) for row in found]

    def counts(self) -> Counts:
        states = dict(self._all("SELECT state, CAST(sum(jobs) AS BIGINT) FROM tallies GROUP BY state"))
        reasons = dict(self._all("SELECT reason, jobs FROM tallies WHERE state = 'closed'"))
        return Counts({s: states.get(s, 0) for s in State}, {r: reasons.get(r, 0) for r in Reason})

    def record_hour(self, hour: int, sums: Mapping[str, float], peaks: Mapping[str, float]) -> None:
        upsert = "INSERT INTO hours VALUES (?, ?, ?) ON CONFLICT (hour, series) DO UPDATE SET value = "
        higher = "CASE WHEN excluded.value > hours.value THEN excluded.value ELSE hours.value END"
        with self._transaction():
            for what, values in (("hours.value + excluded.value", sums), (higher, peaks)):
                self._db.executemany(upsert + what, [(hour, series, value) for series, value in values.items()])

    def hours(self, first: int) -> dict[int, dict[str, float]]:
        found: dict[int, dict[str, float]] = {}
        for hour, series, value in self._all("SELECT hour, series, value FROM hours WHERE hour >= ?", first):
            found.setdefault(hour, {})[series] = value
        return found

    def room(self) -> tuple[int, int | None]:
        return self._db.room()

    def _count_accepted(self, requester: Address, now_s: float) -> None:
        hour = int(now_s) // HOUR_S
        self._db.execute("DELETE FROM accepted WHERE hour <= ?", (hour - DAY_HOURS,))
        count = (
            "INSERT INTO accepted VALUES (?, ?, 1) ON CONFLICT (hour, requester) DO UPDATE SET jobs = accepted.jobs + 1"
        )
        self._db.execute(count, (hour, requester))

    def _record_event(self, event: ChainEvent, now_s: float) -> bool:
        known = self.job(event.id)
        match event:
            case Requested(at=at) if known is not None:
                self._apply(known, Relogged(at), now_s)
            case Requested(job_id, request, input_, at):
                self._insert(Job(job_id, request, input_, at))
                self._note(job_id, "Seen", f"block {at.block_number}", now_s)
            case Fulfilled(result_hash=result_hash, output=output, at=at) if known is not None:
                self._apply(known, Mined(Answer(output, result_hash), at), now_s)
            case Fulfilled():
                return False
        return True

    def _apply(self, before: Job, fact: Fact, now_s: float) -> None:
        """`before`: as it is in the store now."""
        after = apply(before, fact)
        if after == before:
            return
        old = rows.of_job(before)
        changed = {name: value for name, value in rows.of_job(after).items() if value != old[name]}
        assignments = ", ".join(f"{name} = :{name}" for name in changed)
        self._db.execute(  # columns that stay cost their indexes nothing
            f"UPDATE jobs SET {assignments} WHERE id = :job_id",  # noqa: S608 (our own names)
            changed | {"job_id": before.id},
        )
        self._note(before.id, type(fact).__name__, rows.detail_of(fact), now_s)

    def _settle(self, mined: Iterable[bytes], *, settled: bool) -> None:
        """Only nonces that were used: a job that was answered by another transaction may have one that was not."""
        nonce = "SELECT nonce FROM transactions WHERE hash = ?"
        self._db.executemany(
            f"UPDATE transactions SET settled = ? WHERE nonce = ({nonce})",  # noqa: S608 (our own words)
            [(int(settled), tx_hash) for tx_hash in mined],
        )

    def _is_waited_for(self, tx_hash: bytes) -> bool:
        """Whether its nonce has an answer that no block was seen to take: its receipt says what became of that one."""
        same_nonce = "SELECT nonce FROM transactions WHERE hash = ?"
        found = self._all(f"SELECT job_ids FROM transactions WHERE nonce = ({same_nonce})", tx_hash)  # noqa: S608
        return any(self._require(id_).state is State.SENDING for (joined,) in found for id_ in rows.to_ids(joined))

    def _insert(self, job: Job) -> None:
        columns = rows.of_job(job)
        names = ", ".join(columns)
        values = ", ".join(f":{name}" for name in columns)
        self._db.execute(f"INSERT INTO jobs ({names}) VALUES ({values})", columns)  # noqa: S608 (our own names)

    def _note(self, job_id: Hash32, fact: str, detail: str, now_s: float) -> None:
        self._db.execute("INSERT INTO facts VALUES (?, ?, ?, ?)", (job_id, now_s, fact, detail))

    def _require(self, job_id: bytes) -> Job:
        job = self.job(Hash32(job_id))
        if job is None:
            raise Broken(f"no job 0x{job_id.hex()} in the store: report this as a bug")
        return job

    def _replace_tail(self, tail: Sequence[BlockRef]) -> None:
        wanted = {(r.number, r.hash, r.timestamp_s) for r in tail}
        kept = {(n, bytes(h), t) for n, h, t in self._all(f"SELECT {_REF} FROM tail")}  # noqa: S608 (our own names)
        self._db.executemany("DELETE FROM tail WHERE number = ?", [(number,) for number, *_ in kept - wanted])
        self._db.executemany("INSERT INTO tail VALUES (?, ?, ?)", list(wanted - kept))


def _ref(row: Sequence[Any]) -> BlockRef:
    """Read the columns _REF of a row."""
    number, hash_, timestamp_s = row
    return BlockRef(number, Hash32(hash_), timestamp_s)
