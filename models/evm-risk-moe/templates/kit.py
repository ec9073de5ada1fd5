"""What Solidity templates are made of: names, dialects, guards, filler; every choice from one seeded generator."""

from dataclasses import dataclass, field
from enum import IntEnum
from random import Random

from templates.conditions import shaped
from templates.words import NOUNS, VERBS


class Risk(IntEnum):
    """As `RiskClass` in RiskReport.sol."""

    REENTRANCY = 0
    UNCHECKED_CALL = 1
    TX_ORIGIN_AUTH = 2
    BLOCK_DEPENDENCE = 3
    UNPROTECTED_SELFDESTRUCT = 4
    UNPROTECTED_DELEGATECALL = 5
    UNPROTECTED_AUTHORITY = 6


@dataclass(frozen=True, slots=True)
class Member:
    """Contract members to paste into a body. `labels`: function name -> classes it has (empty: none of them)."""

    template: str
    code: str
    labels: dict[str, frozenset[Risk]]
    outside: str = ""
    """Interfaces and libraries to put before the contract."""


@dataclass(slots=True)
class Kit:
    """Draws dialect-correct pieces for one compiler version. `tag` makes names of one member unique."""

    version: tuple[int, int, int]
    rng: Random
    tag: str = field(init=False)
    declarations: list[str] = field(init=False, default_factory=list)
    declared: set[str] = field(init=False, default_factory=set)
    outside: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.tag = "".join(self.rng.choice("abcdefghjkmnpqrstuvwxyz") for _ in range(5))

    # dialect ------------------------------------------------------------------------------------

    @property
    def v5(self) -> bool:
        return self.version >= (0, 5, 0)

    @property
    def v6(self) -> bool:
        return self.version >= (0, 6, 0)

    @property
    def v7(self) -> bool:
        return self.version >= (0, 7, 0)

    @property
    def v8(self) -> bool:
        return self.version >= (0, 8, 0)

    @property
    def custom_errors(self) -> bool:
        return self.version >= (0, 8, 4)

    def pick(self, *options: str) -> str:
        return self.rng.choice(options)

    def maybe(self, chance: float = 0.5) -> bool:
        return self.rng.random() < chance

    def name(self, word: str) -> str:
        return f"{word}_{self.tag}"

    def verb(self) -> str:
        return self.name(self.rng.choice(VERBS))

    def noun(self) -> str:
        return self.name(self.rng.choice(NOUNS))

    @property
    def payee(self) -> str:
        """Type of an address that can be paid."""
        return "address payable" if self.v5 else "address"

    @property
    def sender(self) -> str:
        """msg.sender as something that can be paid."""
        return "payable(msg.sender)" if self.v8 else "msg.sender"

    def payable(self, address: str) -> str:
        if self.v6:
            return f"payable({address})"
        return f"address(uint160({address}))" if self.v5 else address

    @property
    def now(self) -> str:
        return "block.timestamp" if self.v7 or self.maybe() else "now"

    @property
    def visibility(self) -> str:
        return self.pick("public", "external")

    def bytes_in(self, visibility: str) -> str:
        if not self.v5:
            return "bytes"
        return "bytes calldata" if visibility == "external" else "bytes memory"

    def array_in(self, element: str, visibility: str) -> str:
        if not self.v5:
            return f"{element}[]"
        return f"{element}[] calldata" if visibility == "external" else f"{element}[] memory"

    @property
    def self_balance(self) -> str:
        return "address(this).balance"

    def keccak(self, *parts: str) -> str:
        pack = "encodePacked" if self.maybe(0.7) else "encode"
        return f"keccak256(abi.{pack}({', '.join(parts)}))"

    # declarations -------------------------------------------------------------------------------

    def declare(self, line: str) -> None:
        """Add a member-level declaration; the first one of a name stands."""
        words = line.replace("(", " ").split()
        if words[0] in ("function", "modifier", "struct", "event", "error", "enum"):
            name = words[1]
        else:
            name = line.partition(" = ")[0].rstrip(";").split()[-1]
        if name not in self.declared:
            self.declared.add(name)
            self.declarations.append(line)

    def mapping(self, key: str, value: str) -> str:
        name = self.noun()
        while name in self.declared:
            name = self.noun()
        self.declare(f"mapping({key} => {value}) {self.pick('', 'public', 'internal')} {name};")
        return name

    def owner(self) -> str:
        """An address that is in charge: plain storage, immutable or constant."""
        name = self.name("owner")
        kind = self.rng.randrange(6)
        if kind == 0 and self.version >= (0, 8, 8):
            self.declare(f"address immutable {name} = msg.sender;")
        elif kind == 1:
            self.declare(f"address constant {name} = address(uint160({self.rng.getrandbits(159)}));")
        else:
            self.declare(f"address {self.pick('', 'public', 'private')} {name};")
        return name

    def stored_owner(self) -> str:
        name = self.name("boss")
        self.declare(f"address {self.pick('', 'public', 'private')} {name};")
        return name

    def fail_unless(self, condition: str) -> str:
        """Statements that revert unless the condition holds."""
        style = self.rng.randrange(8)
        if style >= 4:
            limit = self.name("limit")
            self.declare(f"uint256 {limit};")
            also = self.pick(f"{limit} < {self.rng.randrange(10**6, 10**9)}", "msg.data.length >= 4", f"{limit} != 7")
            return shaped(self.rng, condition, also, self.pick("revert();", 'revert("not now");'))
        if style == 0:
            return f"require({condition});"
        if style == 1:
            return f'require({condition}, "{self.pick("no", "denied", "bad state", "failed: not allowed here now")}");'
        if style == 2 and self.custom_errors:
            error = self.name("Denied")
            self.declare(f"error {error}();")
            return f"if (!({condition})) revert {error}();"
        return f"if (!({condition})) {self.pick('revert();', '{ revert(); }')}"

    def interface(self, word: str, *functions: str) -> str:
        """Name of a new interface with these functions, put before the contract."""
        name = self.name(f"I{word}")
        self.outside.append(f"interface {name} {{ {' '.join(f'{function};' for function in functions)} }}")
        return name

    # calls --------------------------------------------------------------------------------------

    def paying(self, function: str, amount: str, arguments: str) -> str:
        """A call of a contract type's function with value."""
        if self.version >= (0, 6, 2):
            return f"{function}{{value: {amount}}}({arguments})"
        return f"{function}.value({amount})({arguments})"

    def raw_call(self, to: str, amount: str = "", data: str = "") -> str:
        """A low-level call expression: (bool, bytes) from 0.5 on, bool before."""
        payload = data or ('""' if self.v5 else "")
        if not amount:
            return f"{to}.call({payload})"
        if self.v7 or (self.v6 and self.version >= (0, 6, 2) and self.maybe()):
            return f"{to}.call{{value: {amount}}}({payload})"
        return f"{to}.call.value({amount})({payload})"

    def checked(self, call: str, failed: str = "") -> str:
        """Run a low-level call and revert if it fails."""
        ok = self.name(self.pick("ok", "sent", "success"))
        style = self.rng.randrange(3)
        if not self.v5:
            return f"require({call});" if style else f"if (!{call}) revert();"
        returned = self.v5 and self.maybe(0.25)
        head = f"(bool {ok}, bytes memory {ok}d) = {call};" if returned else f"(bool {ok}, ) = {call};"
        tail = self.fail_unless(ok) if not failed else f"if (!{ok}) {{ {failed} }}"
        return f"{head} {tail}" + (f" {ok}d;" if returned else "")

    def unchecked(self, call: str) -> str:
        """Run a low-level call and ignore whether it worked."""
        ok = self.name("res")
        if not self.v5:
            return f"{call};"
        style = self.rng.randrange(3)
        if style == 0:
            return f"(bool {ok}, ) = {call}; {ok};"
        if style == 1:
            return f"(bool {ok}, bytes memory {ok}d) = {call}; {ok}; {ok}d;"
        return f"{call};"

    def pay_safely(self, to: str, amount: str) -> str:
        """Pay by transfer or a checked send: 2,300 gas."""
        return self.pick(f"{to}.transfer({amount});", f"require({to}.send({amount}));")

    # guards -------------------------------------------------------------------------------------

    def protect(self, bad: bool) -> tuple[str, str]:
        """As `authorize`, but the vulnerable twin lets everybody pass."""
        return ("", self.irrelevant_guard()) if bad else self.authorize()

    def authorize(self, who: str = "msg.sender") -> tuple[str, str]:
        """(modifier to put on the function or "", statement to put first or ""): only somebody in charge may pass."""
        style = self.rng.randrange(11)
        if style == 3:
            owner, check = self.owner(), self.name("_check")
            self.declare(f"function {check}() internal view {{ {self.fail_unless(f'{who} == {owner}')} }}")
            return "", f"{check}();"
        makers = {
            0: self._allowed,
            1: self._role,
            2: self._two_owners,
            4: self._ward,
            5: self._asked,
            6: self._access_control,
        }
        return self._as_modifier(makers.get(style, self._owner_only)(who))

    def _owner_only(self, who: str) -> str:
        return self.pick(f"{who} == {self.owner()}", f"{self.owner()} == {who}")

    def _allowed(self, who: str) -> str:
        role = self.name("allowed")
        self.declare(f"mapping(address => bool) {role};")
        return f"{role}[{who}]"

    def _role(self, who: str) -> str:
        role = self.name("roles")
        self.declare(f"mapping(bytes32 => mapping(address => bool)) {role};")
        return f'{role}[bytes32("{self.pick("ADMIN", "OPERATOR", "KEEPER")}")][{who}]'

    def _two_owners(self, who: str) -> str:
        first, second = self.owner(), self.stored_owner()
        return f"{who} == {first} || {who} == {second}"

    def _ward(self, who: str) -> str:
        wards = self.name("wards")
        self.declare(f"mapping(address => uint256) {wards};")
        return f"{wards}[{who}] == 1"

    def _asked(self, who: str) -> str:
        kind = self.interface("Authority", "function canCall(address who, bytes4 what) external view returns (bool)")
        authority = self.name("authority")
        self.declare(f"{kind} {authority};")
        return f"{authority}.canCall({who}, msg.sig)"

    def _access_control(self, who: str) -> str:
        role, members = self.name("RoleData"), self.name("_roles")
        self.declare(f"struct {role} {{ mapping(address => bool) members; bytes32 admin; }}")
        self.declare(f"mapping(bytes32 => {role}) {members};")
        return f'{members}[keccak256("{self.pick("PAUSER", "UPGRADER", "MANAGER")}")].members[{who}]'

    def _as_modifier(self, condition: str) -> tuple[str, str]:
        if self.maybe():
            return "", self.fail_unless(condition)
        name = self.name("only")
        self.declare(f"modifier {name}() {{ {self.fail_unless(condition)} _; }}")
        return name, ""

    def irrelevant_guard(self) -> str:
        """A check that keeps nobody out for long."""
        style = self.rng.randrange(6)
        if style == 0:
            paused = self.name("paused")
            self.declare(f"bool {paused};")
            return self.fail_unless(f"!{paused}")
        if style == 1:
            opens = self.name("opens")
            self.declare(f"uint256 {opens};")
            return self.fail_unless(f"{self.now} >= {opens}")
        if style == 2:
            return self.fail_unless(f"{self.self_balance} > {self.rng.randrange(1000)}")
        if style == 3:
            return self.fail_unless("msg.sender != address(0)")
        if style == 4:
            calls = self.name("calls")
            self.declare(f"uint256 {calls};")
            return f"{calls} = {calls} + 1;"
        return ""

    # filler -------------------------------------------------------------------------------------

    def log(self, value: str = "1") -> str:
        """An event statement, half of the time."""
        if self.maybe():
            return ""
        event = self.name("Done")
        self.declare(f"event {event}(address {self.pick('', 'indexed')} who, uint256 what);")
        return f"emit {event}(msg.sender, {value});"

    def noise(self) -> str:
        """A harmless statement for the start of a function: no external call, no authority."""
        style = self.rng.randrange(9)
        if style == 0:
            return self.irrelevant_guard()
        if style == 1:
            count = self.name("count")
            self.declare(f"uint256 {count};")
            return self.pick(f"{count}++;", f"{count} += 1;", f"require({count} < 1000000);")
        if style == 2:
            last = self.name("last")
            self.declare(f"mapping(address => uint256) {last};")
            return f"{last}[msg.sender] = {self.now};"
        if style == 3:
            ban = self.name("banned")
            self.declare(f"mapping(address => bool) {ban};")
            return self.fail_unless(f"!{ban}[msg.sender]")
        if style == 4:
            a = self.name("a")
            return (
                f"uint256 {a} = {self.rng.randrange(1, 99)}; {a} = {a} * {self.rng.randrange(2, 9)}; require({a} > 0);"
            )
        return ""

    def function(self, name: str, params: str, body: str, modifiers: str = "", visibility: str = "") -> str:
        return f"function {name}({params}) {visibility or self.visibility} {modifiers} {{ {body} }}"

    def member(self, template: str, functions: str, labels: dict[str, frozenset[Risk]]) -> Member:
        order = self.declarations[:]
        code = "\n".join((*order, functions)) if self.maybe(0.7) else "\n".join((functions, *order))
        return Member(template, code, labels, "\n".join(self.outside))

    def risky(  # noqa: PLR0917 (as `function`)
        self, template: str, risk: Risk, bad: bool, fn: str, params: str, body: str, modifiers: str = "", seen: str = ""
    ) -> Member:
        """A member with one function, which has the risk if it is bad. `seen`: its visibility; either if empty."""
        code = self.function(fn, params, body, modifiers, seen)
        return self.member(template, code, {fn: labeled(risk, bad)})


def labeled(risk: Risk, bad: bool) -> frozenset[Risk]:
    return frozenset((risk,)) if bad else frozenset()
