"""Reentrancy by other doors: hooks, tokens, loops, assembly, helpers, locks in the wrong place; and safe twins."""

from templates.kit import Kit, Member, Risk
from templates.reentrancy import debit, lock, order, totals

R = Risk.REENTRANCY


def typed_payee(kit: Kit, bad: bool) -> Member:
    """The payee's function is called with the money."""
    ledger, fn = kit.mapping("address", "uint256"), kit.verb()
    payee = kit.interface("Payee", "function onPaid(uint256 amount) external payable")
    call = f"{kit.paying(f'{payee}(msg.sender).onPaid', 'due', 'due')};"
    effects = (
        f"{kit.pick(f'{ledger}[msg.sender] = 0;', debit(kit, f'{ledger}[msg.sender]', 'due'))} {totals(kit, 'due')}"
    )
    body = (
        f"{kit.noise()} uint256 due = {ledger}[msg.sender];"
        f" {kit.fail_unless('due > 0')} {order(kit, bad, effects, call)}"
    )
    return kit.risky("reentrancy.typed_payee", R, bad, fn, "", body)


def any_token(kit: Kit, bad: bool) -> Member:
    """The token is the caller's choice, so its transfer may call back."""
    held, fn = kit.name("held"), kit.verb()
    kit.declare(f"mapping(address => mapping(address => uint256)) {held};")
    token = kit.interface("Token", "function transfer(address, uint256) external returns (bool)")
    call = kit.fail_unless(f"{token}(token).transfer(msg.sender, due)")
    place = f"{held}[token][msg.sender]"
    effects = f"{place} = 0; {totals(kit, 'due')}"
    body = f"{kit.noise()} uint256 due = {place}; {kit.fail_unless('due > 0')} {order(kit, bad, effects, call)}"
    return kit.risky("reentrancy.any_token", R, bad, fn, "address token", body)


def loop_of_lots(kit: Kit, bad: bool) -> Member:
    """One payment a lot, each forgotten after (or before) it was paid."""
    lots, fn = kit.name("lots"), kit.verb()
    kit.declare(f"mapping(address => uint256[]) {lots};")
    place = f"{lots}[msg.sender][i]"
    call = kit.checked(kit.raw_call("msg.sender", "due"))
    each = f"uint256 due = {place}; {order(kit, bad, f'{place} = 0;', call)}"
    body = f"{kit.noise()} for (uint256 i = 0; i < {lots}[msg.sender].length; i++) {{ {each} }}"
    return kit.risky("reentrancy.loop_of_lots", R, bad, fn, "", body)


def inline_payment(kit: Kit, bad: bool) -> Member:
    """Paid in assembly."""
    ledger, fn = kit.mapping("address", "uint256"), kit.verb()
    gas, who = ("gas()", "caller()") if kit.v5 else ("gas", "caller")
    call = f"assembly {{ if iszero(call({gas}, {who}, due, 0, 0, 0, 0)) {{ revert(0, 0) }} }}"
    effects = f"{ledger}[msg.sender] = 0; {totals(kit, 'due')}"
    body = f"{kit.noise()} uint256 due = {ledger}[msg.sender]; {order(kit, bad, effects, call)}"
    return kit.risky("reentrancy.inline_payment", R, bad, fn, "", body)


def helper_effects(kit: Kit, bad: bool) -> Member:
    """An internal function keeps the books."""
    ledger, fn, settle = kit.mapping("address", "uint256"), kit.verb(), kit.name("_settle")
    kit.declare(
        f"function {settle}(address who, uint256 due) internal {{ {debit(kit, f'{ledger}[who]', 'due')}"
        f" {totals(kit, 'due')} }}"
    )
    call = kit.checked(kit.raw_call("msg.sender", "amount"))
    check = kit.fail_unless(f"{ledger}[msg.sender] >= amount")
    body = f"{kit.noise()} {check} {order(kit, bad, f'{settle}(msg.sender, amount);', call)}"
    return kit.risky("reentrancy.helper_effects", R, bad, fn, "uint256 amount", body)


def late_lock(kit: Kit, bad: bool) -> Member:
    """A lock that the bad twin closes only after the call."""
    ledger, fn, lock_ = kit.mapping("address", "uint256"), kit.verb(), kit.name("busy")
    kit.declare(f"bool {lock_};")
    call = kit.checked(kit.raw_call("msg.sender", "amount"))
    shut = f"{lock_} = true;"
    check = f"{kit.fail_unless(f'!{lock_}')} {kit.fail_unless(f'{ledger}[msg.sender] >= amount')}"
    middle = f"{call} {shut}" if bad else f"{shut} {call}"
    body = f"{check} {middle} {debit(kit, f'{ledger}[msg.sender]', 'amount')} {totals(kit, 'amount')} {lock_} = false;"
    return kit.risky("reentrancy.late_lock", R, bad, fn, "uint256 amount", body)


def safe_mint(kit: Kit, bad: bool) -> Member:
    """The receiver must confirm, before the item is counted."""
    count, owner, cap, fn = kit.mapping("address", "uint256"), kit.name("ownerOf"), kit.name("next"), kit.name("mint")
    kit.declare(f"mapping(uint256 => address) {owner};")
    kit.declare(f"uint256 {cap} = 1;")
    receiver = kit.interface("Receiver", "function onReceived(address from, uint256 id) external returns (bytes4)")
    call = kit.fail_unless(
        f"{receiver}(msg.sender).onReceived(address(this), id) == bytes4({hex(kit.rng.getrandbits(32) | 1 << 31)})"
    )
    effects = f"{owner}[id] = msg.sender; {count}[msg.sender] += 1; {cap} = id + 1;"
    check = kit.fail_unless(f"{count}[msg.sender] < {kit.rng.randrange(1, 9)}")
    body = f"{check} uint256 id = {cap}; {order(kit, bad, effects, call)}"
    return kit.risky("reentrancy.safe_mint", R, bad, fn, "", body, "payable")


def ether_or_credit(kit: Kit, bad: bool) -> Member:
    """Paid out or booked elsewhere, as the caller likes."""
    ledger, credit, fn = kit.mapping("address", "uint256"), kit.mapping("address", "uint256"), kit.verb()
    call = f"if (cash) {{ {kit.checked(kit.raw_call('msg.sender', 'due'))} }} else {{ {credit}[msg.sender] += due; }}"
    effects = kit.pick(f"{ledger}[msg.sender] = 0;", f"delete {ledger}[msg.sender];")
    body = f"{kit.noise()} uint256 due = {ledger}[msg.sender]; {order(kit, bad, effects, call)}"
    return kit.risky("reentrancy.ether_or_credit", R, bad, fn, "bool cash", body)


def guarded_twin(kit: Kit, bad: bool) -> Member:
    """The caller's hook runs between check and booking; a mutex makes that harmless."""
    ledger, fn = kit.mapping("address", "uint256"), kit.verb()
    hook = kit.interface("Hook", "function beforeExit(uint256 amount) external")
    modifier, before, after = ("", "", "") if bad else lock(kit)
    call = f"{hook}(msg.sender).beforeExit(amount);"
    pay = f"{ledger}[msg.sender] = {ledger}[msg.sender] - amount; {kit.pay_safely(kit.sender, 'amount')}"
    body = f"{before} uint256 amount = {ledger}[msg.sender]; {call} {pay} {kit.log('amount')} {after}"
    return kit.risky("reentrancy.guarded_twin", R, bad, fn, "", body, modifier)


def vault_exit(kit: Kit, bad: bool) -> Member:
    """Shares of a vault are paid out and burnt."""
    shares, supply, fn = (
        kit.mapping("address", "uint256"),
        kit.name("totalSupply"),
        kit.name(kit.pick("redeem", "exit")),
    )
    kit.declare(f"uint256 {supply} = 1;")
    burn, call = kit.name("_burn"), kit.checked(kit.raw_call("receiver", "assets"))
    kit.declare(
        f"function {burn}(address who, uint256 n) internal {{ {debit(kit, f'{shares}[who]', 'n')} {supply} -= n; }}"
    )
    check = kit.fail_unless(f"{shares}[msg.sender] >= amount")
    body = (
        f"{check} uint256 assets = amount * {kit.self_balance} / {supply};"
        f" {order(kit, bad, f'{burn}(msg.sender, amount);', call)}"
    )
    return kit.risky("reentrancy.vault_exit", R, bad, fn, f"uint256 amount, {kit.payee} receiver", body)


def escrow_state(kit: Kit, bad: bool) -> Member:
    """A deal's state says whether it was paid."""
    state, deal, deals, fn = (
        kit.name("State"),
        kit.name("Deal"),
        kit.name("deals"),
        kit.name(kit.pick("complete", "release")),
    )
    kit.declare(f"enum {state} {{ Open, Funded, Done }}")
    kit.declare(f"struct {deal} {{ {kit.payee} seller; uint256 price; {state} state; }}")
    kit.declare(f"mapping(uint256 => {deal}) {deals};")
    call = kit.checked(kit.raw_call("d.seller", "d.price"))
    body = (
        f"{deal} storage d = {deals}[id]; {kit.fail_unless(f'd.state == {state}.Funded')}"
        f" {order(kit, bad, f'd.state = {state}.Done;', call)}"
    )
    return kit.risky("reentrancy.escrow_state", R, bad, fn, "uint256 id", body)


def stream(kit: Kit, bad: bool) -> Member:
    """A stream's withdrawn part is booked."""
    flow, flows, fn = kit.name("Flow"), kit.name("flows"), kit.verb()
    kit.declare(f"struct {flow} {{ address to; uint256 rate; uint256 since; uint256 taken; }}")
    kit.declare(f"mapping(uint256 => {flow}) {flows};")
    call = kit.checked(kit.raw_call("msg.sender", "due"))
    body = (
        f"{flow} storage f = {flows}[id]; {kit.fail_unless('f.to == msg.sender')}"
        f" uint256 due = ({kit.now} - f.since) * f.rate - f.taken; {order(kit, bad, 'f.taken += due;', call)}"
    )
    return kit.risky("reentrancy.stream", R, bad, fn, "uint256 id", body)


def claim_bitmap(kit: Kit, bad: bool) -> Member:
    """An airdrop's claims are bits; the receiver's hook comes first or last."""
    bits, fn, size = kit.mapping("uint256", "uint256"), kit.name("claim"), kit.name("size")
    kit.declare(f"uint256 {size};")
    hook = kit.interface("Claimer", "function onClaim(uint256 index, uint256 amount) external payable")
    mask, word = "(uint256(1) << (index % 256))", f"{bits}[index / 256]"
    if not kit.v5:
        mask = "(uint256(2) ** (index % 256))"
    call = f"{kit.paying(f'{hook}(account).onClaim', size, f'index, {size}')};"
    body = f"{kit.fail_unless(f'{word} & {mask} == 0')} {order(kit, bad, f'{word} = {word} | {mask};', call)}"
    return kit.risky("reentrancy.claim_bitmap", R, bad, fn, "uint256 index, address account", body)


def seat_refund(kit: Kit, bad: bool) -> Member:
    """A raffle's seat is given back."""
    seats, price, fn = kit.name("seats"), kit.name("price"), kit.name("refund")
    kit.declare(f"address[] {seats};")
    kit.declare(f"uint256 {price} = {kit.rng.randrange(1, 10**9)};")
    call = kit.checked(kit.raw_call("msg.sender", price))
    check = kit.fail_unless(f"{seats}[seat] == msg.sender")
    body = f"{kit.noise()} {check} {order(kit, bad, f'{seats}[seat] = address(0);', call)}"
    return kit.risky("reentrancy.seat_refund", R, bad, fn, "uint256 seat", body)


def batch_received(kit: Kit, bad: bool) -> Member:
    """The receiver of several items is asked as ERC-1155 does, before or after they are taken off."""
    ledger, fn = kit.name("items"), kit.verb()
    kit.declare(f"mapping(uint256 => mapping(address => uint256)) {ledger};")
    receiver = kit.interface(
        "Receiver", "function onERC1155Received(address from, uint256 id, uint256 n) external returns (bytes4)"
    )
    call = kit.fail_unless(f"{receiver}(to).onERC1155Received(msg.sender, id, n) == bytes4(0xf23a6e61)")
    place = f"{ledger}[id][msg.sender]"
    effects = f"{debit(kit, place, 'n')} {ledger}[id][to] += n;"
    body = f"{kit.noise()} {kit.fail_unless(f'{place} >= n')} {order(kit, bad, effects, call)}"
    return kit.risky("reentrancy.batch_received", R, bad, fn, "address to, uint256 id, uint256 n", body)


def tokens_received(kit: Kit, bad: bool) -> Member:
    """The receiver's hook is looked up in a registry, as ERC-777 does."""
    ledger, fn, hooks = kit.mapping("address", "uint256"), kit.verb(), kit.name("hookOf")
    kit.declare(f"mapping(address => address) {hooks};")
    kit.declare(f"function {kit.name('register')}(address hook) public {{ {hooks}[msg.sender] = hook; }}")
    hook = kit.interface("Recipient", "function tokensReceived(address from, uint256 amount) external")
    call = f"if ({hooks}[to] != address(0)) {{ {hook}({hooks}[to]).tokensReceived(msg.sender, amount); }}"
    effects = f"{debit(kit, f'{ledger}[msg.sender]', 'amount')} {ledger}[to] += amount; {totals(kit, 'amount')}"
    check = kit.fail_unless(f"{ledger}[msg.sender] >= amount")
    return kit.risky(
        "reentrancy.tokens_received",
        R,
        bad,
        fn,
        "address to, uint256 amount",
        f"{check} {order(kit, bad, effects, call)}",
    )


TRAIN = (
    batch_received,
    typed_payee,
    any_token,
    loop_of_lots,
    inline_payment,
    helper_effects,
    late_lock,
    safe_mint,
    ether_or_credit,
)
VALIDATION = (guarded_twin, vault_exit, escrow_state)
TEST = (stream, claim_bitmap, seat_refund, tokens_received)
