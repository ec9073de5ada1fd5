"""What the API says, as pydantic models; the command line prints the same ones.

Bytes are 0x-hex, addresses carry their EIP-55 checksum, and integers that may pass 2^53 are strings.
"""

from pydantic import BaseModel, ConfigDict


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Head(_Model):
    """The newest block the node has seen."""

    number: int
    hash: str
    timestamp_s: int


class Loop(_Model):
    """How one of the node's loops is doing."""

    name: str
    stepped_at_s: float
    error: str
    """What stands in its way; empty when nothing does."""


class License(_Model):
    """The operator's own license for one model, as the node read it last."""

    allowed: bool
    rule: str
    """Which rule says so."""
    next_step: str
    expiry_s: int | None
    """Last second of the operator's grant; null where none is needed, or none permits it."""


class Model(_Model):
    """A model the node serves."""

    model_id: str
    name: str
    version: str
    program_root: str
    weights_root: str
    manifest_hash: str
    max_input_bytes: int
    attribution: str
    exact: bool
    """The same bits on every machine."""
    license: License | None
    """Whether this operator may be paid for answers; null until the node has read it."""
    tuning: str | None
    """How `themis optimize` made it run, unlike an untuned model; null where it is untuned."""


class Endpoint(_Model):
    """One RPC endpoint, as the node found it."""

    url: str
    """Without what may hold a key."""
    fit: bool
    """Whether it is asked: it answers, and serves our chain and contract."""
    head: int | None
    lag_blocks: int
    error_rate: float
    """Share of its last requests that failed."""
    latency_s: float
    requests: int
    errors: int
    error: str
    """What is wrong with it now; empty when nothing is."""


class Fees(_Model):
    """What is answered for which fee, and what may be spent on it. Wei, as strings."""

    policy: str
    """What becomes of a request whose fee does not pay for its answer: `free`, `wait` or `refuse`."""
    margin_percent: int
    cap_wei: str
    """A unit of gas may cost so much at most."""
    price_wei: str | None
    """What it costs now; null until that was read."""
    least_wei: str | None
    """What an answer without callback must earn now, royalty deducted."""
    max_spend_wei_per_day: str | None
    """null: any amount."""
    spent_wei: str | None
    """In the last 24 hours, what is in flight counted in full; null where there is no cap."""


class Requesters(_Model):
    """Whom the node serves, and how often."""

    allowed: int
    """Addresses that alone are served; 0: everybody."""
    denied: int
    max_per_hour: int | None
    """Requests of each; null: any number."""
    max_per_day: int | None


class Status(_Model):
    """The node at a glance. What only a running node knows is null where none runs."""

    running: bool
    version: str
    started_at_s: float | None
    chain_id: int
    oracle: str
    operator: str
    head: Head | None
    recorded_block: int | None
    balance_wei: str | None
    jobs: dict[str, int]
    """Count by state."""
    closed: dict[str, int]
    """Count by reason."""
    unsettled: int
    """Transactions without a receipt."""
    rpc_calls: int | None
    endpoints: list[Endpoint]
    fees: Fees | None
    requesters: Requesters | None
    explorer_url: str | None
    """Of a block explorer, which has /tx/, /block/ and /address/ below it."""
    models: list[Model]
    loops: list[Loop]
    alerts: list[str]
    """What the operator should look at, and do."""


class Position(_Model):
    """Where on the chain something was said."""

    block_number: int
    block_hash: str
    log_index: int
    tx_hash: str


class Request(_Model):
    """Field for field `Request` in IInferenceOracle.sol."""

    requester: str
    lane: str
    seq: int
    model_id: str
    input_hash: str
    operator: str
    token: str
    """What the fee is paid in; zero: ether."""
    fee: str
    pay_to: str
    royalty_bps: int
    terms_version: int
    use_class: str
    licensee: str
    """Whose grant permits it, where that is not the requester's own."""
    grant_seq: int
    """Of that grant; zero where the policy is open."""
    deadline_s: int
    callback_gas: int
    items: int
    """Inputs of an order for a list; 0: one input that is no list."""


class JobSummary(_Model):
    """One request and where it stands."""

    id: str
    state: str
    reason: str | None
    """Why it was closed."""
    detail: str
    model_id: str
    requester: str
    use_class: str
    token: str
    fee: str
    deadline_s: int
    seen_block: int
    mined_block: int | None
    result_hash: str | None
    output: str | None
    seen_s: float
    """When the node saw it first."""
    mined_s: float | None
    """When it saw the answer on chain."""


class Told(_Model):
    """One thing that a question or an answer says."""

    name: str
    text: str


class Words(_Model):
    """A question and its answer as people read them; empty where the model is not served, or the bytes are not its."""

    model: str | None
    """Name and version; null where it is not served."""
    question: list[Told]
    answer: list[Told]


class Hour(_Model):
    """What one hour of the clock brought."""

    begins_s: int
    answers: int
    """That became final."""
    refusals: int
    answer_s: float | None
    """From the first sight of a request to its answer, on the average; null without answers."""
    income: dict[str, str]
    """By token: `ether` in wei, others in their smallest units."""
    gas_wei: str
    """What answers, and what failed, have cost."""
    open: int
    """The most requests that were open at once."""


class Fact(_Model):
    """Something that happened to a job."""

    at_s: float
    fact: str
    detail: str


class JobDetail(_Model):
    """All that is known about one request."""

    id: str
    state: str
    reason: str | None
    detail: str
    request: Request
    ordered: bool
    """Whether it is an order, signed off the chain: `seen_at` is the block at which it was taken then."""
    input: str
    """Of a list: abi.encode(bytes[])."""
    seen_at: Position
    mined_at: Position | None
    output: str | None
    result_hash: str | None
    terms_hash: str | None
    """Of the terms that the result comes under; null until the node has read them."""
    attribution: str | None
    """What whoever uses the result has to say."""
    latency_s: float | None
    """From the node's first sight of the request to its first sight of the answer on chain."""
    history: list[Fact]


class Order(_Model):
    """An order and what became of it."""

    id: str
    """Of the request that it is."""
    state: str
    reason: str | None
    """Why it was closed."""
    detail: str
    requester: str
    model_id: str
    items: int
    """Inputs of a list; 0: one input that is no list."""
    token: str
    fee: str
    deadline_s: int
    output: str | None
    """Null until a block has it: before, its requester could read it and cancel. A list's is its root."""
    result_hash: str | None
    outputs: list[str] | None
    """Of a list, in its order."""
    input: str | None
    """Of one that is no list, with its answer: who runs that again has its hash alone from the chain."""
    mined_block: int | None
    mined_tx_hash: str | None


class Result(_Model):
    """One answer of a list, and the proof of it: what `ResultList.proves` takes."""

    order_id: str
    index: int
    items: int
    root: str
    """The order's output."""
    input: str
    output: str
    siblings: list[str]
    """From the leaf up."""
    input_siblings: list[str]
    """From the input's leaf up to the order's input hash: who challenges the answer shows both."""


class Verification(_Model):
    """An answer on the chain, held against what its model says when it is run again."""

    request_id: str
    outcome: str
    """equal, differs, or unanswerable: the model says nothing to that input, so no answer can be its own."""
    first_difference: int | None
    """The first byte, from 0, in which the two differ, or that only one has."""
    detail: str
    """Why the model says nothing."""
    model_id: str
    model: str
    """Name and version."""
    operator: str
    request_block: int
    answer_block: int
    answer_tx_hash: str
    result_hash: str
    output: str
    """As it was answered on the chain."""
    computed: str | None
    """As the model says it here; null where it says nothing."""


class Condition(_Model):
    """One thing that readiness depends on."""

    name: str
    ok: bool
    detail: str


class Ready(_Model):
    """Whether the node can answer requests now."""

    ready: bool
    conditions: list[Condition] | None = None
    """With ?verbose."""


class Live(_Model):
    """The process answers."""

    live: bool


class Problem(BaseModel):
    """An error (RFC 9457), sent as application/problem+json."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
