"""A delegatecall to code of the caller's choice that anybody reaches, and the guarded twins."""

from templates.kit import Kit, Member, Risk, labeled

DELEGATE = Risk.UNPROTECTED_DELEGATECALL


def _run(kit: Kit, target: str, data: str) -> str:
    return kit.checked(f"{target}.delegatecall({data})")


def delegate_argument(kit: Kit, bad: bool) -> Member:
    fn, visibility = kit.verb(), kit.visibility
    modifier, first = kit.protect(bad)
    body = f"{kit.noise()} {first} {_run(kit, 'target', 'data')} {kit.log()}"
    params = f"address target, {kit.bytes_in(visibility)} data"
    return kit.member(
        "delegate.argument", kit.function(fn, params, body, modifier, visibility), {fn: labeled(DELEGATE, bad)}
    )


def delegate_payable(kit: Kit, bad: bool) -> Member:
    fn, visibility = kit.verb(), kit.visibility
    modifier, first = kit.protect(bad)
    value = kit.fail_unless(f"msg.value >= {kit.rng.randrange(1, 10**6)}")
    body = f"{value} {first} {_run(kit, 'target', 'data')} {kit.log('msg.value')}"
    params = f"{kit.bytes_in(visibility)} data, address target"
    return kit.member(
        "delegate.payable",
        kit.function(fn, params, body, f"payable {modifier}", visibility),
        {fn: labeled(DELEGATE, bad)},
    )


def delegate_signature(kit: Kit, bad: bool) -> Member:
    fn = kit.verb()
    modifier, first = kit.protect(bad)
    data = f'abi.encodeWithSignature("{kit.pick("init", "setup", "migrate")}(uint256)", value)'
    body = f"{kit.noise()} {first} {_run(kit, 'target', data)}"
    return kit.member(
        "delegate.signature",
        kit.function(fn, "address target, uint256 value", body, modifier),
        {fn: labeled(DELEGATE, bad)},
    )


def delegate_listed(kit: Kit, bad: bool) -> Member:
    """The good twin runs only code somebody in charge listed."""
    fn, visibility, listed = kit.verb(), kit.visibility, kit.name("modules")
    kit.declare(f"mapping(address => bool) {listed};")
    first = kit.irrelevant_guard() if bad else kit.fail_unless(f"{listed}[target]")
    body = f"{kit.noise()} {first} {_run(kit, 'target', 'data')} {kit.log()}"
    params = f"address target, {kit.bytes_in(visibility)} data"
    return kit.member("delegate.listed", kit.function(fn, params, body, "", visibility), {fn: labeled(DELEGATE, bad)})


def delegate_fixed(kit: Kit, bad: bool) -> Member:
    """The good twin runs its own code or a fixed library."""
    fn, visibility, library = kit.verb(), kit.visibility, kit.owner()
    target = "target" if bad else kit.pick("address(this)", library, library)
    body = f"{kit.noise()} {_run(kit, target, 'data')} {kit.log()}"
    params = f"address target, {kit.bytes_in(visibility)} data"
    return kit.member("delegate.fixed", kit.function(fn, params, body, "", visibility), {fn: labeled(DELEGATE, bad)})


def delegate_internal(kit: Kit, bad: bool) -> Member:
    fn, inner = kit.verb(), kit.name("_run")
    kit.declare(f"function {inner}(address code, bytes memory input) internal {{ {_run(kit, 'code', 'input')} }}")
    modifier, first = kit.protect(bad)
    visibility = kit.visibility
    body = f"{kit.noise()} {first} {inner}(target, data);"
    params = f"address target, {kit.bytes_in(visibility)} data"
    return kit.member(
        "delegate.internal", kit.function(fn, params, body, modifier, visibility), {fn: labeled(DELEGATE, bad)}
    )


def delegate_member(kit: Kit, bad: bool) -> Member:
    ledger, fn, visibility = kit.mapping("address", "uint256"), kit.verb(), kit.visibility
    modifier, first = (
        ("", kit.fail_unless(f"{ledger}[msg.sender] >= {kit.rng.randrange(1, 100)}")) if bad else kit.authorize()
    )
    body = f"{kit.noise()} {first} {_run(kit, 'target', 'data')} {kit.log()}"
    params = f"address target, {kit.bytes_in(visibility)} data"
    return kit.member(
        "delegate.member", kit.function(fn, params, body, modifier, visibility), {fn: labeled(DELEGATE, bad)}
    )


def delegate_loop(kit: Kit, bad: bool) -> Member:
    fn = kit.verb()
    modifier, first = kit.protect(bad)
    run = _run(kit, "targets[i]", 'abi.encodeWithSignature("run()")')
    body = f"{first} for (uint256 i = 0; i < targets.length; i++) {{ {run} }} {kit.log()}"
    params = f"{kit.array_in('address', 'public')} targets"
    return kit.member("delegate.loop", kit.function(fn, params, body, modifier, "public"), {fn: labeled(DELEGATE, bad)})


def delegate_assembly(kit: Kit, bad: bool) -> Member:
    fn, gas = kit.verb(), "gas()" if kit.v5 else "gas"
    modifier, first = kit.protect(bad)
    call = f"delegatecall({gas}, target, add(data, 0x20), mload(data), 0, 0)"
    run = f"bool ok; assembly {{ ok := {call} }} {kit.fail_unless('ok')}"
    data = "bytes memory data" if kit.v5 else "bytes data"
    body = f"{kit.noise()} {first} {run}"
    return kit.member(
        "delegate.assembly",
        kit.function(fn, f"address target, {data}", body, modifier, "public"),
        {fn: labeled(DELEGATE, bad)},
    )


def delegate_counted(kit: Kit, bad: bool) -> Member:
    fn, visibility, runs = kit.verb(), kit.visibility, kit.mapping("address", "uint256")
    modifier, first = kit.protect(bad)
    body = f"{first} {runs}[target] += 1; {_run(kit, 'target', 'data')} {kit.log()}"
    params = f"address target, {kit.bytes_in(visibility)} data"
    return kit.member(
        "delegate.counted", kit.function(fn, params, body, modifier, visibility), {fn: labeled(DELEGATE, bad)}
    )


def delegate_tested(kit: Kit, bad: bool) -> Member:
    """Checks that look serious: the target has code and is not this contract."""
    fn, visibility = kit.verb(), kit.visibility
    modifier, first = ("", "") if bad else kit.authorize()
    tests = f"{kit.fail_unless('target != address(0)')} {kit.fail_unless('target != address(this)')}"
    body = f"{first} {tests} {_run(kit, 'target', 'data')} {kit.log()}"
    params = f"address target, {kit.bytes_in(visibility)} data"
    return kit.member(
        "delegate.tested", kit.function(fn, params, body, modifier, visibility), {fn: labeled(DELEGATE, bad)}
    )


def _data(kit: Kit) -> str:
    """A bytes parameter of a public function, in memory."""
    return "bytes memory data" if kit.v5 else "bytes data"


def delegate_either(kit: Kit, bad: bool) -> Member:
    """Two ways in; the bad twin's second one is open to everybody."""
    fn, owner, other = kit.verb(), kit.owner(), kit.stored_owner()
    second = kit.pick("msg.value > 0", "data.length > 4", "target == msg.sender") if bad else f"msg.sender == {other}"
    body = f"{kit.fail_unless(f'msg.sender == {owner} || {second}')} {_run(kit, 'target', 'data')} {kit.log()}"
    return kit.risky("delegate.either", DELEGATE, bad, fn, f"address target, {_data(kit)}", body, "payable", "public")


def delegate_batch_self(kit: Kit, bad: bool) -> Member:
    """Several calls in one: into this contract's own code, or into anybody's."""
    fn, step = kit.name(kit.pick("multicall", "batch")), kit.name("_step")
    target = "code" if bad else "address(this)"
    kit.declare(f"function {step}(address code, bytes memory input) internal {{ code; {_run(kit, target, 'input')} }}")
    body = f"{kit.fail_unless('code != address(0)')} {step}(code, first); {step}(code, second); {kit.log()}"
    params = "address code, bytes memory first, bytes memory second"
    return kit.risky("delegate.batch_self", DELEGATE, bad, fn, params, body, "", "public")


def delegate_registry(kit: Kit, bad: bool) -> Member:
    """The code's address comes from a registry: ours, or one the caller names."""
    fn, ours = kit.verb(), kit.name("registry")
    book = kit.interface("Registry", "function find(bytes32 key) external view returns (address)")
    kit.declare(f"{book} {ours};")
    found = f"{book}(registry).find(key)" if bad else f"{ours}.find(key)"
    body = (
        f"{kit.fail_unless('registry != address(this)')} address code = {found};"
        f" {_run(kit, 'code', 'data')} {kit.log()}"
    )
    params = f"address registry, bytes32 key, {_data(kit)}"
    return kit.risky("delegate.registry", DELEGATE, bad, fn, params, body, "", "public")


def delegate_facet(kit: Kit, bad: bool) -> Member:
    """A table of code by selector; the bad twin falls back on what the caller brings."""
    fn, facets = kit.verb(), kit.name("facets")
    kit.declare(f"mapping(bytes4 => address) {facets};")
    missing = "code = spare;" if bad else kit.fail_unless("code != address(0)")
    guard = f"if (code == address(0)) {{ {missing} }}" if bad else missing
    body = f"address code = {facets}[what]; {kit.noise()} {guard} {_run(kit, 'code', 'data')}"
    params = f"bytes4 what, address spare, {_data(kit)}"
    return kit.risky("delegate.facet", DELEGATE, bad, fn, params, body, "", "public")


def delegate_self_only(kit: Kit, bad: bool) -> Member:
    """Reached only through this contract's own, guarded call."""
    fn = kit.verb()
    check = kit.fail_unless("target != address(this)" if bad else "msg.sender == address(this)")
    body = f"{check} {kit.noise()} {_run(kit, 'target', 'data')}"
    return kit.risky("delegate.self_only", DELEGATE, bad, fn, f"address target, {_data(kit)}", body, "", "public")


def delegate_vouched(kit: Kit, bad: bool) -> Member:
    """The bad twin asks whether an account named in the call may, not whether the caller may."""
    fn, trusted = kit.verb(), kit.name("trusted")
    kit.declare(f"mapping(address => bool) {trusted};")
    check = kit.fail_unless(f"{trusted}[{'sponsor' if bad else 'msg.sender'}]")
    body = f"{check} {kit.noise()} {kit.fail_unless('sponsor != target')} {_run(kit, 'target', 'data')}"
    params = f"address sponsor, address target, {_data(kit)}"
    return kit.risky("delegate.vouched", DELEGATE, bad, fn, params, body, "", "public")


def delegate_pinned(kit: Kit, bad: bool) -> Member:
    """The good twin compares the target with the one it knows."""
    fn, known = kit.verb(), kit.stored_owner()
    check = kit.fail_unless(f"target != {known}" if bad else f"target == {known}")
    body = f"{kit.noise()} {check} {_run(kit, 'target', 'data')} {kit.log()}"
    return kit.risky("delegate.pinned", DELEGATE, bad, fn, f"address target, {_data(kit)}", body, "", "public")


def delegate_module(kit: Kit, bad: bool) -> Member:
    """A wallet's modules in a linked list; the bad twin looks up the target instead of the caller."""
    fn, linked = kit.verb(), kit.name("linked")
    kit.declare(f"mapping(address => address) {linked};")
    check = kit.fail_unless(f"{linked}[{'near' if bad else 'msg.sender'}] != address(0)")
    body = f"{check} {_run(kit, 'target', 'data')} {kit.log()}"
    params = f"address near, address target, {_data(kit)}"
    return kit.risky("delegate.module", DELEGATE, bad, fn, params, body, "", "public")


def delegate_signed(kit: Kit, bad: bool) -> Member:
    """With the owner's signature over target and data; the bad twin takes any signature."""
    fn, owner, nonce = kit.verb(), kit.stored_owner(), kit.name("nonce")
    kit.declare(f"uint256 {nonce};")
    signer = f"ecrecover({kit.keccak('target', 'keccak256(data)', nonce)}, v, r, s)"
    check = kit.fail_unless(f"{signer} != address(0)" if bad else f"{signer} == {owner}")
    body = f"{check} {nonce} += 1; {_run(kit, 'target', 'data')}"
    params = f"address target, {_data(kit)}, uint8 v, bytes32 r, bytes32 s"
    return kit.risky("delegate.signed", DELEGATE, bad, fn, params, body, "", "public")


def delegate_proxy_helper(kit: Kit, bad: bool) -> Member:
    """A proxy's forwarding in assembly, to the stored implementation or to an address in the call."""
    fn, helper, slot = kit.verb(), kit.name("_delegate"), kit.rng.getrandbits(250)
    size, gas = ("calldatasize()", "gas()") if kit.v5 else ("calldatasize", "gas")
    back = "returndatasize()" if kit.v5 else "returndatasize"
    kit.declare(
        f"function {helper}(address code) internal {{ assembly {{ calldatacopy(0, 0, {size})"
        f" let done := delegatecall({gas}, code, 0, {size}, 0, 0) returndatacopy(0, 0, {back})"
        f" switch done case 0 {{ revert(0, {back}) }} default {{ return(0, {back}) }} }} }}"
    )
    load = "code = target;" if bad else f"assembly {{ code := sload({slot}) }}"
    body = f"{kit.noise()} address code; {load} {helper}(code);"
    return kit.risky("delegate.proxy_helper", DELEGATE, bad, fn, "address target", body, "payable")


def delegate_upgrade(kit: Kit, bad: bool) -> Member:
    """An upgrade as in ERC-1967 proxies: write the slot, run the new code's initializer."""
    fn, authorize = kit.name(kit.pick("upgradeToAndCall", "upgradeTo", "migrateTo")), kit.name("_authorizeUpgrade")
    slot = 0x360894A13BA1A3210667C828492DB98DCA3E2076CC3735A33A3D2E8C37D0A9 + kit.rng.getrandbits(64)
    modifier, first = kit.protect(bad)
    kit.declare(
        f"function {authorize}(address code) internal {modifier} {{ {first} {kit.fail_unless('code != address(0)')} }}"
    )
    run = f"if (data.length > 0) {{ {_run(kit, 'code', 'data')} }}"
    body = f"{authorize}(code); assembly {{ sstore({slot}, code) }} {kit.log()} {run}"
    return kit.risky("delegate.upgrade", DELEGATE, bad, fn, f"address code, {_data(kit)}", body, "payable", "public")


def delegate_operation(kit: Kit, bad: bool) -> Member:
    """A wallet's execution: a call or a delegatecall, as the operation says."""
    fn, kind = kit.name(kit.pick("execTransaction", "execute", "perform")), kit.name("Operation")
    kit.declare(f"enum {kind} {{ Call, DelegateCall }}")
    modifier, first = kit.protect(bad)
    call = kit.checked(kit.raw_call("to", "value", "data"))
    body = (
        f"{first} if (operation == {kind}.DelegateCall) {{ {_run(kit, 'to', 'data')} }} else {{ {call} }}"
        f" {kit.log('value')}"
    )
    params = f"address to, uint256 value, {_data(kit)}, {kind} operation"
    return kit.risky("delegate.operation", DELEGATE, bad, fn, params, body, modifier, "public")


def delegate_queued(kit: Kit, bad: bool) -> Member:
    """What was queued by somebody in charge, after its time; the bad twin forgets to look it up."""
    fn, ready = kit.name(kit.pick("execute", "run", "enact")), kit.name("ready")
    kit.declare(f"mapping(bytes32 => uint256) {ready};")
    hash_ = kit.keccak("target", "keccak256(data)")
    known = kit.fail_unless("id != bytes32(0)") if bad else kit.fail_unless(f"{ready}[id] != 0")
    body = (
        f"bytes32 id = {hash_}; {known} {kit.fail_unless(f'{kit.now} >= {ready}[id]')} delete {ready}[id];"
        f" {_run(kit, 'target', 'data')}"
    )
    return kit.risky("delegate.queued", DELEGATE, bad, fn, f"address target, {_data(kit)}", body, "", "public")


TRAIN = (
    delegate_argument,
    delegate_payable,
    delegate_signature,
    delegate_listed,
    delegate_fixed,
    delegate_member,
    delegate_counted,
    delegate_tested,
    delegate_either,
    delegate_batch_self,
    delegate_registry,
    delegate_facet,
    delegate_self_only,
    delegate_vouched,
    delegate_pinned,
    delegate_module,
)
VALIDATION = (delegate_internal, delegate_signed, delegate_proxy_helper)
TEST = (delegate_loop, delegate_assembly, delegate_upgrade, delegate_operation, delegate_queued)
