"""Anybody can take authority: an owner, a member, a guard or code that is run, written by whoever comes."""

from templates.kit import Kit, Member, Risk, labeled

AUTHORITY = Risk.UNPROTECTED_AUTHORITY


def _boss(kit: Kit) -> str:
    return kit.stored_owner()


def _acts(kit: Kit) -> str:
    """What somebody in charge does."""
    value = kit.name("setting")
    kit.declare(f"uint256 {value};")
    return kit.pick(f"{value} = {kit.rng.randrange(1, 999)};", f"{kit.sender}.transfer({kit.self_balance});", kit.log())


def _used(kit: Kit, condition: str) -> str:
    """A function for whom the condition holds."""
    fn = kit.name(kit.pick("pause", "skim", "configure", "rescue", "mint", "halt"))
    value = kit.name("level")
    kit.declare(f"uint256 {value};")
    checked = kit.fail_unless(condition)
    if kit.maybe(0.4):
        only = kit.name("onlyIt")
        kit.declare(f"modifier {only}() {{ {checked} _; }}")
        return kit.function(fn, "uint256 next", f"{value} = next; {_acts(kit)}", only)
    return kit.function(fn, "uint256 next", f"{checked} {value} = next; {_acts(kit)}")


def _allowed(kit: Kit, bad: bool, place: str) -> tuple[str, str]:
    """Who may write: everybody in the bad twin; whoever is in charge, or the first one, in the good one."""
    if bad:
        return "", f"{kit.noise()} {kit.irrelevant_guard()}"
    if place and kit.maybe(0.25):
        return "", kit.fail_unless(f"{place} == address(0)")
    if place and kit.maybe(0.25):
        return "", kit.fail_unless(f"msg.sender == {place}")
    return kit.authorize()


def _made(kit: Kit, template: str, bad: bool, fn: str, setter: str, *users: str) -> Member:
    parts = [setter, *users]
    kit.rng.shuffle(parts)
    return kit.member(f"authority.{template}", "\n".join(parts), {fn: labeled(AUTHORITY, bad)})


def _setter_name(kit: Kit) -> str:
    return kit.name(kit.pick("setOwner", "changeAdmin", "transferTo", "assign", "update", "appoint"))


def owner_set(kit: Kit, bad: bool) -> Member:
    boss, fn = _boss(kit), _setter_name(kit)
    modifier, first = _allowed(kit, bad, boss)
    valid = kit.fail_unless("next != address(0)") if kit.maybe() else ""
    setter = kit.function(fn, "address next", f"{first} {valid} {boss} = next; {kit.log()}", modifier)
    return _made(kit, "owner_set", bad, fn, setter, _used(kit, f"msg.sender == {boss}"))


def owner_claimed(kit: Kit, bad: bool) -> Member:
    boss, fn = _boss(kit), kit.name(kit.pick("claim", "become", "takeOver"))
    modifier, first = _allowed(kit, bad, boss)
    setter = kit.function(fn, "", f"{first} {boss} = msg.sender; {kit.log()}", modifier)
    return _made(kit, "owner_claimed", bad, fn, setter, _used(kit, f"{boss} == msg.sender"))


def owner_paid(kit: Kit, bad: bool) -> Member:
    boss, fn = _boss(kit), kit.name(kit.pick("buy", "acquire"))
    modifier, first = _allowed(kit, bad, "")
    price = kit.fail_unless(f"msg.value >= {kit.rng.randrange(1, 10**9)}")
    setter = kit.function(fn, "", f"{first} {price} {boss} = msg.sender;", f"payable {modifier}")
    return _made(kit, "owner_paid", bad, fn, setter, _used(kit, f"msg.sender == {boss}"))


def set_up_again(kit: Kit, bad: bool) -> Member:
    """The flag that says that it is set up is written; in the good twin it is asked for, too."""
    boss, ready, fn = _boss(kit), kit.name("ready"), kit.name(kit.pick("initialize", "init", "setUp"))
    kit.declare(f"bool {ready};")
    asked = kit.noise() if bad else kit.fail_unless(f"!{ready}")
    order = kit.pick(f"{ready} = true; {boss} = next;", f"{boss} = next; {ready} = true;")
    setter = kit.function(fn, "address next", f"{asked} {order} {kit.log()}")
    return _made(kit, "set_up_again", bad, fn, setter, _used(kit, f"msg.sender == {boss}"))


def member_added(kit: Kit, bad: bool) -> Member:
    members, fn = kit.name("members"), kit.name(kit.pick("add", "allow", "enroll"))
    kit.declare(f"mapping(address => bool) {members};")
    modifier, first = _allowed(kit, bad, "")
    put = kit.pick(f"{members}[who] = true;", f"require(!{members}[who]); {members}[who] = true;")
    setter = kit.function(fn, "address who", f"{first} {put} {kit.log()}", modifier)
    return _made(kit, "member_added", bad, fn, setter, _used(kit, f"{members}[msg.sender]"))


def ward_relied(kit: Kit, bad: bool) -> Member:
    wards, fn = kit.name("wards_of"), kit.name("rely")
    kit.declare(f"mapping(address => uint256) {wards};")
    modifier, first = _allowed(kit, bad, "")
    setter = kit.function(fn, "address who", f"{first} {wards}[who] = 1; {kit.log()}", modifier)
    return _made(kit, "ward_relied", bad, fn, setter, _used(kit, f"{wards}[msg.sender] == 1"))


def member_switched(kit: Kit, bad: bool) -> Member:
    members, fn = kit.name("operators"), kit.name(kit.pick("setOperator", "switch_"))
    kit.declare(f"mapping(address => bool) {members};")
    modifier, first = _allowed(kit, bad, "")
    setter = kit.function(fn, "address who, bool on", f"{first} {members}[who] = on; {kit.log()}", modifier)
    return _made(kit, "member_switched", bad, fn, setter, _used(kit, f"{members}[msg.sender]"))


def code_set(kit: Kit, bad: bool) -> Member:
    code, fn = _boss(kit), kit.name(kit.pick("setCode", "upgradeTo", "setLogic"))
    modifier, first = _allowed(kit, bad, "")
    setter = kit.function(fn, "address next", f"{first} {code} = next; {kit.log()}", modifier)
    data = "bytes memory data" if kit.v5 else "bytes data"
    run = kit.function(kit.name("run"), data, f"{kit.checked(f'{code}.delegatecall(data)')}", "", "public")
    member = _made(kit, "code_set", bad, fn, setter, run)
    return Member(
        member.template,
        member.code,
        {**member.labels, kit.name("run"): labeled(Risk.UNPROTECTED_DELEGATECALL, bad)},
        member.outside,
    )


def rule_set(kit: Kit, bad: bool) -> Member:
    """The contract that is asked who may."""
    kind = kit.interface("Rule", "function may(address who, bytes4 what) external view returns (bool)")
    rule, fn = kit.name("rule"), kit.name(kit.pick("setRule", "setGuard", "setAuthority"))
    kit.declare(f"{kind} {rule};")
    modifier, first = _allowed(kit, bad, "")
    setter = kit.function(fn, "address next", f"{first} {rule} = {kind}(next); {kit.log()}", modifier)
    return _made(kit, "rule_set", bad, fn, setter, _used(kit, f"{rule}.may(msg.sender, msg.sig)"))


def owner_packed(kit: Kit, bad: bool) -> Member:
    boss, other = kit.name("keeper"), kit.name("until")
    kit.declare(f"address {boss};")
    kit.declare(f"uint64 {other};")
    fn = _setter_name(kit)
    modifier, first = _allowed(kit, bad, boss)
    setter = kit.function(fn, "address next", f"{first} {boss} = next; {other} = uint64({kit.now});", modifier)
    return _made(kit, "owner_packed", bad, fn, setter, _used(kit, f"msg.sender == {boss}"))


def set_inside(kit: Kit, bad: bool) -> Member:
    boss, inner, fn = _boss(kit), kit.name("_setOwner"), _setter_name(kit)
    event = kit.name("Moved")
    kit.declare(f"event {event}(address from_, address to);")
    kit.declare(f"function {inner}(address to) internal {{ emit {event}({boss}, to); {boss} = to; }}")
    modifier, first = _allowed(kit, bad, boss)
    setter = kit.function(fn, "address next", f"{first} {inner}(next);", modifier)
    return _made(kit, "set_inside", bad, fn, setter, _used(kit, f"msg.sender == {boss}"))


def pending_set(kit: Kit, bad: bool) -> Member:
    """Proposed by whoever may, accepted by who was proposed."""
    boss, pending, fn = _boss(kit), kit.name("pending"), kit.name(kit.pick("propose", "nominate"))
    kit.declare(f"address {pending};")
    modifier, first = _allowed(kit, bad, "")
    setter = kit.function(fn, "address next", f"{first} {pending} = next; {kit.log()}", modifier)
    accepted = f"{kit.fail_unless(f'msg.sender == {pending}')} {boss} = {kit.pick(pending, 'msg.sender')};"
    accept = kit.function(kit.name("accept"), "", accepted)
    return _made(kit, "pending_set", bad, fn, setter, accept, _used(kit, f"msg.sender == {boss}"))


def own_entry(kit: Kit, bad: bool) -> Member:
    """Everybody names operators: of his own things, or (bad) of anybody's."""
    operators, fn = kit.name("operatorOf"), kit.name("setApproval")
    kit.declare(f"mapping(address => mapping(address => bool)) {operators};")
    whose = "owner" if bad else "msg.sender"
    setter = kit.function(
        fn, "address owner, address who, bool on", f"{kit.noise()} {operators}[{whose}][who] = on; owner; {kit.log()}"
    )
    fn2, ledger = kit.name("moveFor"), kit.mapping("address", "uint256")
    body = f"{kit.fail_unless(f'{operators}[owner][msg.sender]')} {ledger}[owner] -= amount; {ledger}[to] += amount;"
    user = kit.function(fn2, "address owner, address to, uint256 amount", body)
    return _made(kit, "own_entry", bad, fn, setter, user)


def signer_set(kit: Kit, bad: bool) -> Member:
    signer, fn = _boss(kit), kit.name(kit.pick("setSigner", "setValidator"))
    modifier, first = _allowed(kit, bad, signer)
    setter = kit.function(fn, "address next", f"{first} {signer} = next; {kit.log()}", modifier)
    check = kit.fail_unless(f"ecrecover(digest, v, r, s) == {signer}")
    user = kit.function(kit.name("perform"), "bytes32 digest, uint8 v, bytes32 r, bytes32 s", f"{check} {_acts(kit)}")
    return _made(kit, "signer_set", bad, fn, setter, user)


def config_set(kit: Kit, bad: bool) -> Member:
    """One field of a struct."""
    config, state, fn = kit.name("Config"), kit.name("config"), kit.name("configure_")
    kit.declare(f"struct {config} {{ uint256 fee; address admin; bool on; }}")
    kit.declare(f"{config} {state};")
    modifier, first = _allowed(kit, bad, f"{state}.admin")
    body = f"{first} {state}.fee = fee; {state}.admin = admin; {kit.log()}"
    setter = kit.function(fn, "uint256 fee, address admin", body, modifier)
    return _made(kit, "config_set", bad, fn, setter, _used(kit, f"msg.sender == {state}.admin"))


def slot_written(kit: Kit, bad: bool) -> Member:
    """In assembly, at a slot that nothing else has."""
    slot, fn = hex(kit.rng.getrandbits(255)), kit.name(kit.pick("setKeeper", "setRoot"))
    read = kit.name("_keeper")
    view = "internal view" if kit.v5 else "internal constant"
    kit.declare(f"function {read}() {view} returns (address who) {{ assembly {{ who := sload({slot}) }} }}")
    modifier, first = kit.protect(bad)
    setter = kit.function(fn, "address next", f"{first} assembly {{ sstore({slot}, next) }}", modifier)
    return _made(kit, "slot_written", bad, fn, setter, _used(kit, f"msg.sender == {read}()"))


def members_added(kit: Kit, bad: bool) -> Member:
    """Many at once."""
    members, fn = kit.name("listed"), kit.name("addMany")
    kit.declare(f"mapping(address => bool) {members};")
    modifier, first = _allowed(kit, bad, "")
    seen = kit.visibility
    loop = f"for (uint256 i = 0; i < who.length; i++) {{ {members}[who[i]] = true; }}"
    setter = kit.function(fn, f"{kit.array_in('address', seen)} who", f"{first} {loop} {kit.log()}", modifier, seen)
    return _made(kit, "members_added", bad, fn, setter, _used(kit, f"{members}[msg.sender]"))


def role_granted(kit: Kit, bad: bool) -> Member:
    roles, fn = kit.name("hasRole"), kit.name("grant")
    kit.declare(f"mapping(bytes32 => mapping(address => bool)) {roles};")
    modifier, first = _allowed(kit, bad, "")
    setter = kit.function(fn, "bytes32 role, address who", f"{first} {roles}[role][who] = true; {kit.log()}", modifier)
    return _made(kit, "role_granted", bad, fn, setter, _used(kit, f'{roles}[bytes32("MINTER")][msg.sender]'))


def heir_named(kit: Kit, bad: bool) -> Member:
    """Two who are in charge: the second one may be named by anybody."""
    boss, heir, fn = _boss(kit), kit.name("heir"), kit.name("nameHeir")
    kit.declare(f"address {heir};")
    modifier, first = _allowed(kit, bad, "")
    setter = kit.function(fn, "address next", f"{first} {heir} = next; {kit.log()}", modifier)
    return _made(kit, "heir_named", bad, fn, setter, _used(kit, f"msg.sender == {boss} || msg.sender == {heir}"))


def guard_swapped(kit: Kit, bad: bool) -> Member:
    """Whoever brings a secret that the chain shows."""
    boss, digest, fn = _boss(kit), kit.name("digest"), kit.name("recover")
    kit.declare(f"bytes32 {digest};")
    modifier, first = ("", "") if bad else kit.authorize()
    check = kit.fail_unless(f"{kit.keccak('word')} == {digest}") if kit.maybe() else kit.noise()
    setter = kit.function(fn, "uint256 word", f"{first} {check} word; {boss} = msg.sender;", modifier)
    return _made(kit, "guard_swapped", bad, fn, setter, _used(kit, f"msg.sender == {boss}"))


def logic_slot(kit: Kit, bad: bool) -> Member:
    """The slot of EIP-1967."""
    slot, fn = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc", kit.name("upgradeTo")
    modifier, first = kit.protect(bad)
    valid = kit.fail_unless("next != address(0)") if kit.maybe() else ""
    setter = kit.function(fn, "address next", f"{first} {valid} assembly {{ sstore({slot}, next) }}", modifier)
    return _made(kit, "logic_slot", bad, fn, setter)


TRAIN = (
    owner_set,
    owner_claimed,
    owner_paid,
    set_up_again,
    member_added,
    ward_relied,
    code_set,
    rule_set,
    owner_packed,
    set_inside,
    pending_set,
    own_entry,
    signer_set,
)
VALIDATION = (config_set, member_switched, slot_written)
TEST = (members_added, role_granted, heir_named, guard_swapped, logic_slot)
