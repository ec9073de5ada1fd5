"""What well-known code does by kind: pools, factories, many signers, rounds; and the same with the guard left out."""

from templates.block import _game
from templates.kit import Kit, Member, Risk
from templates.reentrancy import lock


def answer_read(kit: Kit, bad: bool) -> Member:
    """Whether it worked is in what came back, which is looked at."""
    fn, gas = kit.verb(), "gas()" if kit.v5 else "gas"
    call = f"pop(call({gas}, to, 0, 0, 0, 0, 32))"
    ignored, read = f"assembly {{ {call} }}", f"uint256 answer; assembly {{ mstore(0, 0) {call} answer := mload(0) }}"
    body = f"{kit.noise()} {ignored if bad else read + ' ' + kit.fail_unless('answer == 1')} {kit.log('value')}"
    modifier, first = kit.authorize() if kit.maybe() else ("", "")
    return kit.risky(
        "unchecked.answer_read", Risk.UNCHECKED_CALL, bad, fn, "address to, uint256 value", f"{first} {body}", modifier
    )


def failure_booked(kit: Kit, bad: bool) -> Member:
    """The failed payment is counted, told and dated; in the good twin it stays owed, too."""
    fn, misses, at = kit.verb(), kit.name("misses"), kit.name("lastMiss")
    kit.declare(f"uint256 {misses};")
    kit.declare(f"uint256 {at};")
    noted = kit.pick(f"{misses} += 1;", f"{misses} = {misses} + 1; {at} = {kit.now};", f"{at} = {kit.now};")
    debts = kit.mapping("address", "uint256")
    owed = "" if bad else kit.pick(f"{debts}[to] += amount;", f"{debts}[to] = {debts}[to] + amount;")
    parts = [noted, owed, kit.log("amount")]
    kit.rng.shuffle(parts)
    body = f"{kit.noise()} {misses} += 2; if (!to.send(amount)) {{ {' '.join(parts)} }}"
    params = f"{kit.payee} to, uint256 amount"
    return kit.risky("unchecked.failure_booked", Risk.UNCHECKED_CALL, bad, fn, params, body)


def _signers(kit: Kit, bad: bool) -> tuple[str, str]:
    """Parameters, and statements that demand as many signatures of owners as the threshold; or of anybody."""
    owners, threshold, nonce = kit.name("isOwner"), kit.name("threshold"), kit.name("nonce")
    kind = kit.pick("bool", "address")
    kit.declare(f"mapping(address => {kind}) {owners};")
    kit.declare(f"uint256 {threshold};")
    kit.declare(f"uint256 {nonce};")
    kit.declare(f"mapping(address => mapping(bytes32 => uint256)) {kit.name('approved')};")
    listed = f"{owners}[who]" if kind == "bool" else f"{owners}[who] != address(0)"
    consent = kit.fail_unless(f"msg.sender == who || {kit.name('approved')}[who][digest] != 0")
    recover = "who = ecrecover(digest, v[i], r[i], s[i]);"
    if kit.maybe():
        recover = f"if (v[i] == 1) {{ who = address(uint160(uint256(r[i]))); {consent} }} else {{ {recover} }}"
    known = kit.fail_unless("who > last" if bad else f"who > last && {listed}")
    memory = "memory " if kit.v5 else ""
    params = f"uint8[] {memory}v, bytes32[] {memory}r, bytes32[] {memory}s"
    check, inner = kit.name("_check"), f"address who; {recover} {known} last = who;"
    kit.declare(
        f"function {check}(bytes32 digest, {params}) internal {{ uint256 needed = {threshold};"
        f" {kit.fail_unless('needed > 0')} {kit.fail_unless('v.length >= needed')} address last = address(0);"
        f" for (uint256 i = 0; i < needed; i++) {{ {inner} }} }}"
    )
    digest = f"bytes32 digest = {kit.keccak('target', 'keccak256(data)', nonce)}; {nonce}++;"
    return params, f"{digest} {check}(digest, v, r, s);"


def many_signers(kit: Kit, bad: bool) -> Member:
    """A wallet of several owners runs code for as many of them as must agree."""
    fn = kit.name(kit.pick("execTransaction", "execute", "submit"))
    params, checked = _signers(kit, bad)
    data = "bytes memory data" if kit.v5 else "bytes data"
    run = kit.checked("target.delegatecall(data)")
    other = kit.checked(kit.raw_call("target", "", "data"))
    body = (
        f"{checked} if (data.length % 2 == 1) {{ {run} }} else {{ {other} }} {kit.log()}"
        if kit.maybe()
        else (f"{checked} {run}")
    )
    risk = Risk.UNPROTECTED_DELEGATECALL
    return kit.risky("delegate.many_signers", risk, bad, fn, f"address target, {data}, {params}", body, "", "public")


def pool(kit: Kit, bad: bool) -> Member:
    """Interest accrues, and books are kept around calls to the pool's own tokens; or to what the caller names."""
    reserve, reserves, fn = kit.name("Reserve"), kit.name("reserves"), kit.name(kit.pick("borrow", "supply", "repay"))
    kit.declare(f"struct {reserve} {{ address token; uint256 index; uint256 total; uint256 at; }}")
    kit.declare(f"mapping(address => {reserve}) {reserves};")
    token = kit.interface("Share", "function mint(address to, uint256 amount, uint256 index) external returns (bool)")
    modifier, first = kit.authorize()
    listing = f"{first} {reserves}[asset].token = token; {reserves}[asset].index = 1;"
    kit.declare(f"function {kit.name('list')}(address asset, address token) public {modifier} {{ {listing} }}")
    target = "asset" if bad else "p.token"
    call = kit.pick(
        kit.fail_unless(f"{token}({target}).mint(msg.sender, n, index)"), f"{token}({target}).mint(to, n, index);"
    )
    body = (
        f"{reserve} storage p = {reserves}[asset]; uint256 index = p.index + p.total * ({kit.now} - p.at) / 1000000;"
        f" {kit.fail_unless('p.total + n > n')} {call} p.total = p.total + n; p.index = index; p.at = {kit.now};"
    )
    return kit.risky("reentrancy.pool", Risk.REENTRANCY, bad, fn, "address asset, address to, uint256 n", body)


def made_here(kit: Kit, bad: bool) -> Member:
    """A factory calls what it has just made, and writes it down; or what the caller brought."""
    thing, of, fn = kit.name("Thing"), kit.name("thingOf"), kit.name(kit.pick("create", "deploy", "open"))
    count = kit.name("made")
    kit.outside.append(
        f"contract {thing} {{ uint256 a; address b; function init(uint256 x, address y) external"
        " { require(b == address(0)); a = x; b = y; } }"
    )
    kit.declare(f"mapping(uint256 => address) {of};")
    kit.declare(f"uint256 {count};")
    made = f"{thing} t = {thing}(given);" if bad else f"{thing} t = new {thing}();"
    modifier, first = kit.authorize() if kit.maybe() else ("", "")
    check = kit.fail_unless(f"{of}[id] == address(0)")
    body = f"{kit.noise()} {check} {made} t.init(id, msg.sender); {of}[id] = address(t); {count} += 1;"
    if bad:
        modifier, first = "", ""
    params = "uint256 id, address given"
    return kit.risky("reentrancy.made_here", Risk.REENTRANCY, bad, fn, params, f"{first} {body} given;", modifier)


def operations(kit: Kit, bad: bool) -> Member:
    """Many operations of many accounts, run and charged one after another under a lock; or without one."""
    ledger, fn, spent = kit.mapping("address", "uint256"), kit.name("handleAll"), kit.name("collected")
    kit.declare(f"uint256 {spent};")
    modifier, before, after = ("", "", "") if bad else lock(kit)
    array = kit.array_in("address", "public")
    data = "bytes memory data" if kit.v5 else "bytes data"
    run = kit.checked(kit.raw_call("who[i]", "", "data"))
    each = f"uint256 had = {ledger}[who[i]]; {kit.fail_unless('had >= fee')} {run} {ledger}[who[i]] = had - fee;"
    body = f"{before} for (uint256 i = 0; i < who.length; i++) {{ {each} }} {spent} += fee * who.length; {after}"
    params = f"{array} who, {data}, uint256 fee"
    return kit.risky("reentrancy.operations", Risk.REENTRANCY, bad, fn, params, body, modifier, "public")


def rounds(kit: Kit, bad: bool) -> Member:
    """Where in its round the time is, against a prize for whoever hits the right second."""
    start, length, closing = kit.name("offset"), kit.name("roundLength"), kit.name("closing")
    for name in (start, length, closing):
        kit.declare(f"uint256 {name};")
    lucky = f"({kit.now} - {start}) % {kit.rng.randrange(2, 40)} == {kit.pick('0', 'guess', '1')}"
    if bad:
        return _game(kit, "block.rounds", bad, lucky)
    fn = kit.name(kit.pick("bid", "resolve", "close"))
    at = f"({kit.now} - {start}) % {length}"
    test = kit.pick(f"{at} < {closing}", f"{length} - {at} <= {closing}", f"{at} >= {length} - {closing}")
    return _bid(kit, bad, fn, test)


def _bid(kit: Kit, bad: bool, fn: str, test: str) -> Member:
    bids = kit.mapping("address", "uint256")
    gate = kit.fail_unless(test) if kit.maybe() else f"if ({test}) {{ revert(); }}"
    body = f"{kit.fail_unless(f'{kit.now} >= 5')} {gate} {bids}[msg.sender] += msg.value; {kit.log('msg.value')}"
    return kit.risky("block.rounds", Risk.BLOCK_DEPENDENCE, bad, fn, "", body, "payable")


def queued_until(kit: Kit, bad: bool) -> Member:
    """What is queued goes by a hash that its time is in; the bad twin draws from such a hash."""
    queued, delay = kit.name("queued"), kit.name("delay")
    kit.declare(f"mapping(bytes32 => bool) {queued};")
    kit.declare(f"uint256 {delay};")
    hash_ = kit.keccak("guess", f"{kit.now} + {delay}")
    if bad:
        return _game(kit, "block.queued_until", bad, f"uint256({hash_}) % {kit.rng.randrange(2, 99)} == guess")
    fn, order = kit.name(kit.pick("queue", "schedule", "propose")), kit.name("queuedAt")
    kit.declare(f"mapping(uint256 => uint256) {order};")
    modifier, first = kit.authorize() if kit.maybe() else ("", "")
    body = (
        f"{first} bytes32 id = {hash_}; {kit.fail_unless(f'!{queued}[id]')} {queued}[id] = true;"
        f" {order}[guess] = {kit.now} + {delay}; {kit.log('guess')}"
    )
    return kit.risky("block.queued_until", Risk.BLOCK_DEPENDENCE, bad, fn, "uint256 guess", body, modifier)


def once_only(kit: Kit, bad: bool) -> Member:
    """Code is named and run when there is none yet; the bad twin does not ask."""
    logic, fn = kit.name("logic"), kit.name(kit.pick("initialize", "setup", "init"))
    kit.declare(f"address {logic};")
    asked = kit.noise() if bad else kit.fail_unless(f"{logic} == address(0)")
    data = "bytes memory data" if kit.v5 else "bytes data"
    run = f"if (data.length > 0) {{ {kit.checked('target.delegatecall(data)')} }}"
    body = f"{asked} {logic} = target; {run}"
    risk = Risk.UNPROTECTED_DELEGATECALL
    return kit.risky("delegate.once_only", risk, bad, fn, f"address target, {data}", body, "payable", "public")


TRAIN = (
    answer_read,
    failure_booked,
    many_signers,
    pool,
    made_here,
    operations,
    rounds,
    queued_until,
    once_only,
)
