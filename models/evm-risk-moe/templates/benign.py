"""Everyday functions with none of the risks: what most of a contract consists of."""

from templates.kit import Kit, Member


def _benign(kit: Kit, name: str, fn: str, code: str) -> Member:
    return kit.member(f"benign.{name}", code, {fn: frozenset()})


def deposit(kit: Kit) -> Member:
    ledger, fn = kit.mapping("address", "uint256"), kit.name(kit.pick("deposit", "join", "fund"))
    time = kit.name("since")
    kit.declare(f"mapping(address => uint256) {time};")
    body = (
        f"{kit.fail_unless('msg.value > 0')} {ledger}[msg.sender] += msg.value;"
        f" {kit.pick('', f'{time}[msg.sender] = {kit.now};')} {kit.log('msg.value')}"
    )
    return _benign(kit, "deposit", fn, kit.function(fn, "", body, "payable"))


def token_transfer(kit: Kit) -> Member:
    ledger, fn = kit.mapping("address", "uint256"), kit.name("transfer")
    body = (
        f"{kit.fail_unless(f'{ledger}[msg.sender] >= amount')} {kit.noise()} {ledger}[msg.sender] -= amount;"
        f" {ledger}[to] += amount; {kit.log('amount')} return true;"
    )
    return _benign(
        kit, "token_transfer", fn, f"function {fn}(address to, uint256 amount) public returns (bool) {{ {body} }}"
    )


def token_pull(kit: Kit) -> Member:
    ledger, fn, allow = kit.mapping("address", "uint256"), kit.name("transferFrom"), kit.name("allowances")
    kit.declare(f"mapping(address => mapping(address => uint256)) {allow};")
    body = (
        f"{kit.fail_unless(f'{allow}[from][msg.sender] >= amount')} {allow}[from][msg.sender] -= amount;"
        f" {ledger}[from] -= amount; {ledger}[to] += amount; {kit.log('amount')}"
    )
    return _benign(kit, "token_pull", fn, kit.function(fn, "address from, address to, uint256 amount", body))


def approve(kit: Kit) -> Member:
    fn, allow = kit.name("approve"), kit.name("allowed")
    kit.declare(f"mapping(address => mapping(address => uint256)) {allow};")
    return _benign(
        kit,
        "approve",
        fn,
        kit.function(fn, "address who, uint256 amount", f"{allow}[msg.sender][who] = amount; {kit.log()}"),
    )


def setter(kit: Kit) -> Member:
    fn, value = kit.name("set"), kit.name("config")
    kit.declare(f"uint256 {value};")
    modifier, first = kit.authorize()
    body = f"{first} {kit.fail_unless(f'x < {kit.rng.randrange(100, 10**6)}')} {value} = x; {kit.log('x')}"
    return _benign(kit, "setter", fn, kit.function(fn, "uint256 x", body, modifier))


def hand_over(kit: Kit) -> Member:
    fn, owner = kit.name("transferOwnership"), kit.stored_owner()
    checks = f"{kit.fail_unless(f'msg.sender == {owner}')} {kit.fail_unless('next != address(0)')}"
    body = f"{checks} {owner} = next; {kit.log()}"
    return _benign(kit, "hand_over", fn, kit.function(fn, "address next", body))


def owner_withdraw(kit: Kit) -> Member:
    """Paying somebody in charge: external call, nothing left to settle."""
    fn, fees = kit.name("withdrawFees"), kit.name("fees")
    kit.declare(f"uint256 {fees};")
    modifier, first = kit.authorize()
    call = kit.pick(kit.checked(kit.raw_call("msg.sender", "due")), kit.pay_safely(kit.sender, "due"))
    body = f"{first} uint256 due = {fees}; {fees} = 0; {kit.log('due')} {call}"
    return _benign(kit, "owner_withdraw", fn, kit.function(fn, "", body, modifier))


def vote(kit: Kit) -> Member:
    fn, voted, tally, until = kit.name("vote"), kit.name("voted"), kit.name("tally"), kit.name("until")
    kit.declare(f"mapping(uint256 => mapping(address => bool)) {voted};")
    kit.declare(f"mapping(uint256 => uint256) {tally};")
    kit.declare(f"uint256 {until};")
    body = (
        f"{kit.fail_unless(f'{kit.now} < {until}')} {kit.fail_unless(f'!{voted}[id][msg.sender]')}"
        f" {voted}[id][msg.sender] = true; {tally}[id] += 1; {kit.log('id')}"
    )
    return _benign(kit, "vote", fn, kit.function(fn, "uint256 id", body))


def vesting(kit: Kit) -> Member:
    fn, start, granted, taken = (
        kit.name("vested"),
        kit.name("start"),
        kit.mapping("address", "uint256"),
        kit.name("taken"),
    )
    kit.declare(f"uint256 {start};")
    kit.declare(f"mapping(address => uint256) {taken};")
    body = (
        f"uint256 due = {granted}[msg.sender] * ({kit.now} - {start}) / {kit.rng.randrange(30, 900)} days"
        f" - {taken}[msg.sender];"
        f" {taken}[msg.sender] += due; {kit.pay_safely(kit.sender, 'due')}"
    )
    return _benign(kit, "vesting", fn, kit.function(fn, "", body))


def view_loop(kit: Kit) -> Member:
    fn, items = kit.name("sum"), kit.name("values")
    kit.declare(f"uint256[] {items};")
    body = f"for (uint256 i = 0; i < {items}.length; i++) {{ out += {items}[i]; }}"
    return _benign(kit, "view_loop", fn, f"function {fn}() public view returns (uint256 out) {{ {body} }}")


def signature(kit: Kit) -> Member:
    fn, owner, used = kit.name("permit"), kit.owner(), kit.name("used")
    kit.declare(f"mapping(bytes32 => bool) {used};")
    modifier, paid = "", kit.name("paid")
    kit.declare(f"mapping(address => uint256) {paid};")
    hash_ = kit.keccak("msg.sender", "amount", "address(this)")
    body = (
        f"bytes32 h = {hash_}; {kit.fail_unless(f'!{used}[h]')} {kit.fail_unless(f'ecrecover(h, v, r, s) == {owner}')}"
        f" {used}[h] = true; {paid}[msg.sender] += amount; {kit.log('amount')}"
    )
    return _benign(
        kit, "signature", fn, kit.function(fn, "uint256 amount, uint8 v, bytes32 r, bytes32 s", body, modifier)
    )


def token_sweep(kit: Kit) -> Member:
    """A checked call to a stored token."""
    fn, token = kit.name("sweep"), kit.name("asset")
    kit.declare(f"address {token};")
    data = 'abi.encodeWithSignature("transfer(address,uint256)", msg.sender, amount)'
    modifier, first = kit.authorize()
    body = f"{first} {kit.checked(kit.raw_call(token, '', data))} {kit.log('amount')}"
    return _benign(kit, "token_sweep", fn, kit.function(fn, "uint256 amount", body, modifier))


def commit_reveal(kit: Kit) -> Member:
    fn, commits, picked = kit.name("reveal"), kit.name("commits"), kit.mapping("address", "uint256")
    kit.declare(f"mapping(address => bytes32) {commits};")
    opened = kit.keccak("choice", "salt", "msg.sender")
    body = (
        f"{kit.fail_unless(f'{commits}[msg.sender] == {opened}')}"
        f" {commits}[msg.sender] = 0; {picked}[msg.sender] = choice % {kit.rng.randrange(2, 50)}; {kit.log('choice')}"
    )
    return _benign(kit, "commit_reveal", fn, kit.function(fn, "uint256 choice, bytes32 salt", body))


def batch_credit(kit: Kit) -> Member:
    fn, ledger = kit.name("credit"), kit.mapping("address", "uint256")
    modifier, first = kit.authorize()
    params = f"{kit.array_in('address', 'public')} who, uint256 amount"
    body = f"{first} for (uint256 i = 0; i < who.length; i++) {{ {ledger}[who[i]] += amount; }} {kit.log('amount')}"
    return _benign(kit, "batch_credit", fn, kit.function(fn, params, body, modifier, "public"))


def getter(kit: Kit) -> Member:
    fn, ledger = kit.name("of"), kit.mapping("address", "uint256")
    return _benign(
        kit, "getter", fn, f"function {fn}(address who) public view returns (uint256) {{ return {ledger}[who] * 2; }}"
    )


def execute(kit: Kit) -> Member:
    """A wallet's forwarding call, for its owner only, checked."""
    fn = kit.name("execute")
    modifier, first = kit.authorize()
    data = "bytes memory data" if kit.v5 else "bytes data"
    body = f"{first} {kit.checked(kit.raw_call('to', 'value', 'data'))} {kit.log('value')}"
    return _benign(kit, "execute", fn, kit.function(fn, f"address to, uint256 value, {data}", body, modifier, "public"))


def _token(kit: Kit) -> tuple[str, str]:
    """(variable, its type) of a token this contract trusts."""
    kind = kit.interface(
        "Token",
        "function transfer(address, uint256) external returns (bool)",
        "function transferFrom(address, address, uint256) external returns (bool)",
    )
    name = kit.name("asset")
    kit.declare(f"{kind} {name};")
    return name, kind


def stake(kit: Kit) -> Member:
    """A trusted token comes in before it is booked, as most contracts do."""
    fn, ledger, total, (token, _) = kit.name("stake"), kit.mapping("address", "uint256"), kit.name("total"), _token(kit)
    kit.declare(f"uint256 {total};")
    take = kit.fail_unless(f"{token}.transferFrom(msg.sender, address(this), amount)")
    body = (
        f"{kit.fail_unless('amount > 0')} {take} {ledger}[msg.sender] += amount; {total} += amount; {kit.log('amount')}"
    )
    return _benign(kit, "stake", fn, kit.function(fn, "uint256 amount", body))


def unstake(kit: Kit) -> Member:
    fn, ledger, (token, _) = kit.name("unstake"), kit.mapping("address", "uint256"), _token(kit)
    check = kit.fail_unless(f"{ledger}[msg.sender] >= amount")
    pay = kit.fail_unless(f"{token}.transfer(msg.sender, amount)")
    return _benign(
        kit,
        "unstake",
        fn,
        kit.function(fn, "uint256 amount", f"{check} {ledger}[msg.sender] -= amount; {pay} {kit.log()}"),
    )


def initialize(kit: Kit) -> Member:
    """Once, by whoever deploys."""
    fn, done, owner = kit.name("initialize"), kit.name("initialized"), kit.stored_owner()
    kit.declare(f"bool {done};")
    body = f"{kit.fail_unless(f'!{done}')} {done} = true; {owner} = next; {kit.log()}"
    return _benign(kit, "initialize", fn, kit.function(fn, "address next", body))


def proxy(kit: Kit) -> Member:
    """Forwards to the implementation in its slot."""
    fn, slot = kit.name("forward"), kit.rng.getrandbits(250)
    size, gas = ("calldatasize()", "gas()") if kit.v5 else ("calldatasize", "gas")
    run = (
        f"assembly {{ calldatacopy(0, 0, {size}) let ok := delegatecall({gas}, sload({slot}), 0, {size}, 0, 0)"
        " if iszero(ok) { revert(0, 0) } }"
    )
    return _benign(kit, "proxy", fn, kit.function(fn, "", run, "payable"))


def schedule(kit: Kit) -> Member:
    """Queued by somebody in charge, with a deadline."""
    fn, ready = kit.name("schedule"), kit.name("ready")
    kit.declare(f"mapping(bytes32 => uint256) {ready};")
    modifier, first = kit.authorize()
    body = (
        f"{first} {kit.fail_unless(f'{ready}[id] == 0')} {ready}[id] = {kit.now} + {kit.rng.randrange(1, 30)}"
        f" days; {kit.log()}"
    )
    return _benign(kit, "schedule", fn, kit.function(fn, "bytes32 id", body, modifier))


ALL = (
    deposit,
    token_transfer,
    token_pull,
    approve,
    setter,
    hand_over,
    owner_withdraw,
    vote,
    vesting,
    view_loop,
    signature,
    token_sweep,
    commit_reveal,
    batch_credit,
    getter,
    execute,
    stake,
    unstake,
    initialize,
    proxy,
    schedule,
)
