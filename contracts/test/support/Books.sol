// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Plain} from "./Plain.sol";
import {InferenceOracle} from "../../src/InferenceOracle.sol";
import {Ask} from "../../src/interfaces/IInferenceOracle.sol";
import {Grant, GrantState, Role, UseClass} from "../../src/interfaces/ILicenseRegistry.sol";
import {Mode, Policy} from "../../src/libraries/Policies.sol";
import {StandardToken} from "./Tokens.sol";
import {VM, account} from "./Vm.sol";

/// @notice Who may do what with one model, by plain reckoning, and what must hold of the oracle. Six accounts: three requesters,
/// the third a hot key of the other two, and three operators likewise. Two licensors, of whom one holds the model.
abstract contract Books {
    uint256 internal constant ACCOUNTS = 6;
    uint32 internal constant UNLIMITED = type(uint32).max;
    address private constant PAYEE = address(0xfee);

    struct Known {
        Plain request;
        uint16 epoch; // in which it was made
        uint8 settlements;
    }

    /// @dev What should be in force.
    struct Book {
        Grant grant;
        uint32 seq; // vouchers up to it are used up
        bool live; // neither revoked nor missing
        uint32 reserved;
        uint32 spent;
        uint256 day;
        uint32 today;
    }

    struct Version {
        uint40 effectiveAt;
        Policy policy;
    }

    struct Money {
        uint256 paidIn;
        uint256 open;
        uint256 settled;
        uint256 paidOut;
    }

    /// @dev How often what is at stake was done.
    struct Reached {
        uint256 activations;
        uint256 requests;
        uint256 firstUses; // requests with their voucher
        uint256 answers;
        uint256 earned; // answers that were paid, by an operator's grant
        uint256 refunds;
        uint256 byHotKeys; // requests and answers by another's grant
        uint256 transfers; // of the model to another licensor
    }

    InferenceOracle public immutable ORACLE;
    StandardToken public immutable TOKEN;
    bytes32 internal immutable MODEL_ID;

    string public violation;
    Reached internal _reached;

    Known[] internal _known;
    Version[] internal _versions;
    address internal _licensor;
    uint16 internal _epoch;
    mapping(address licensor => mapping(uint256 nonce => bool)) internal _canceled;
    mapping(address licensee => mapping(Role => Book)) internal _books;
    mapping(address licensee => mapping(address => bool)) internal _named;
    mapping(address hotKey => address) internal _claims;
    mapping(address operator => mapping(address token => bool)) internal _serves;
    mapping(address token => Money) internal _money;

    constructor(InferenceOracle oracle, bytes32 modelId) {
        (ORACLE, MODEL_ID, TOKEN) = (oracle, modelId, new StandardToken());
        _licensor = oracle.licensorOf(modelId);
        (uint24 version, Policy policy) = oracle.termsInForce(modelId);
        require(version == 1);
        _versions.push(Version(uint40(block.timestamp), policy));
    }

    /// @dev To the smallest unit: what the oracle holds is what it owes, and what came in went out or is still owed.
    function assertMoney() external view {
        for (uint256 i; i < 2; ++i) {
            address token = tokenOf(i);
            Money memory money = _money[token];
            uint256 held = i == 0 ? address(ORACLE).balance : TOKEN.balanceOf(address(ORACLE));
            uint256 owed;
            for (uint256 who; who < ACCOUNTS + 3; ++who) {
                owed += ORACLE.credits(token, payeeOf(who));
            }
            VM.assertEq(held, owed + money.open);
            VM.assertEq(money.paidIn, money.open + money.settled);
            VM.assertEq(money.settled, owed + money.paidOut);
        }
    }

    function assertPaidOnce() external view {
        for (uint256 i; i < _known.length; ++i) {
            VM.assertTrue(_known[i].settlements < 2);
        }
    }

    /// @dev Every use is left, reserved or spent, and no more than the voucher's are ever out.
    function assertQuotas() external view {
        for (uint256 who; who < ACCOUNTS; ++who) {
            Book storage book = _books[accountOf(who)][roleOf(who)];
            GrantState memory state = ORACLE.grantOf(MODEL_ID, accountOf(who), roleOf(who));
            VM.assertEq(state.seq, book.seq);
            VM.assertEq(state.seq > 0 && !state.revoked, book.live);
            if (!book.live) continue;
            if (book.grant.quota == UNLIMITED) VM.assertEq(state.quotaLeft, UNLIMITED);
            else VM.assertEq(state.quotaLeft + book.reserved + book.spent, book.grant.quota);
        }
    }

    function reached() external view returns (Reached memory) {
        return _reached;
    }

    function accountOf(uint256 index) public pure returns (address) {
        return address(uint160(0xacc0 + index % ACCOUNTS));
    }

    function roleOf(uint256 index) public pure returns (Role) {
        return index % ACCOUNTS > 2 ? Role.OPERATOR : Role.REQUESTER;
    }

    function tokenOf(uint256 index) public view returns (address) {
        return index % 2 == 0 ? address(0) : address(TOKEN);
    }

    /// @dev Everybody who can have a credit.
    function payeeOf(uint256 index) public pure returns (address) {
        index %= ACCOUNTS + 3;
        if (index < ACCOUNTS) return accountOf(index);
        return index == ACCOUNTS ? PAYEE : VM.addr(keyOf(index));
    }

    /// @dev Of the two licensors.
    function keyOf(uint256 index) public pure returns (uint256) {
        return index % 2 == 0 ? 0xA11CE : 0xB0B;
    }

    function _payTo(bool licensors) internal pure returns (address) {
        return licensors ? address(0) : PAYEE;
    }

    // what should be

    /// @return good Whether the voucher, signed by its licensor, can be put into force.
    /// @return known Whether it is in force already.
    function _acceptable(Grant memory grant) internal view returns (bool good, bool known) {
        Book storage book = _books[grant.licensee][grant.role];
        known = book.live && book.seq == grant.seq && ORACLE.hashGrant(book.grant) == ORACLE.hashGrant(grant);
        good = grant.seq > book.seq && !_canceled[grant.licensor][grant.nonce] && grant.licensor == _licensor
            && grant.epoch == _epoch && grant.expiry >= block.timestamp;
    }

    /// @dev Whether offers, the terms in force and the books allow a request, and what it is then.
    function _expected(address from, Ask memory ask, address token, uint96 fee)
        internal
        view
        returns (bool allowed, Plain memory made)
    {
        uint24 version = uint24(_versions.length);
        if (_versions[version - 1].effectiveAt > block.timestamp) --version;
        Policy policy = _versions[version - 1].policy;
        (made.requester, made.lane, made.modelId, made.inputHash) = (from, ask.lane, MODEL_ID, keccak256("in"));
        (made.operator, made.token, made.fee, made.termsVersion) = (ask.operator, token, fee, version);
        (made.useClass, made.deadline, made.callbackGas) = (ask.useClass, ask.deadline, ask.callbackGas);
        allowed = _serves[ask.operator][token] && _free(from, ask.lane)
            && policy.mode(Role.OPERATOR, fee > 0 ? UseClass.COMMERCIAL : ask.useClass) != Mode.CLOSED;
        Mode mode = policy.mode(Role.REQUESTER, ask.useClass);
        if (mode == Mode.CLOSED) allowed = false;
        if (mode == Mode.GRANT) {
            (bool licensed, address licensee) = _licensed(from, Role.REQUESTER, ask.useClass, version, _epoch);
            allowed = allowed && licensed && _usable(licensee, Role.REQUESTER, token, fee);
            Grant storage grant = _books[licensee][Role.REQUESTER].grant;
            (made.licensee, made.grantSeq) = (licensee, grant.seq);
            if (fee > 0 && grant.royaltyBps > 0) {
                made.royaltyBps = grant.royaltyBps;
                made.payTo = grant.payTo == address(0) ? _licensor : grant.payTo;
            }
        }
    }

    function _licensed(address who, Role role, UseClass use, uint24 version, uint16 epoch)
        internal
        view
        returns (bool, address licensee)
    {
        licensee = who;
        address claimed = _claims[who];
        if (_books[who][role].seq == 0 && claimed != address(0) && _named[claimed][who]) licensee = claimed;
        Book storage book = _books[licensee][role];
        Grant storage grant = book.grant;
        bool inTime = grant.notBefore <= block.timestamp && block.timestamp <= grant.expiry;
        bool forThis = (grant.classes >> uint8(use)) & 1 == 1 && grant.epoch >= epoch
            && (grant.termsVersion == 0 || grant.termsVersion == version);
        return (book.live && inTime && forThis, licensee);
    }

    function _usable(address licensee, Role role, address token, uint96 fee) internal view returns (bool) {
        Book storage book = _books[licensee][role];
        Grant storage grant = book.grant;
        if (grant.quota != UNLIMITED && book.reserved + book.spent >= grant.quota) return false;
        uint32 today = book.day == block.timestamp / 1 days ? book.today : 0;
        if (grant.dailyRate != UNLIMITED && today >= grant.dailyRate) return false;
        return grant.priceFloor == 0 || (token == grant.priceToken && fee >= grant.priceFloor);
    }

    function _free(address from, uint64 lane) private view returns (bool) {
        for (uint256 i; i < _known.length; ++i) {
            Known storage known = _known[i];
            if (known.request.requester == from && known.request.lane == lane && known.settlements == 0) return false;
        }
        return true;
    }

    // what was

    function _entered(Grant memory grant) internal {
        Book storage book = _books[grant.licensee][grant.role];
        (book.grant, book.seq, book.live) = (grant, grant.seq, true);
        (book.reserved, book.spent, book.today) = (0, 0, 0);
    }

    function _asked(Plain memory made) internal {
        (, made.seq,) = ORACLE.stateOf(made.requester, made.lane);
        if (made.grantSeq > 0) _used(made.licensee, Role.REQUESTER, false);
        if (made.grantSeq > 0 && made.licensee != made.requester) ++_reached.byHotKeys;
        _money[made.token].paidIn += made.fee;
        _money[made.token].open += made.fee;
        _known.push(Known(made, _epoch, 0));
        ++_reached.requests;
    }

    function _used(address licensee, Role role, bool spent) internal {
        Book storage book = _books[licensee][role];
        if (spent) ++book.spent;
        else ++book.reserved;
        uint256 day = block.timestamp / 1 days;
        book.today = (book.day == day ? book.today : 0) + 1;
        book.day = day;
    }

    /// @dev The reserved use of a request is spent, or given back, if its grant is still there.
    function _settled(Known storage known, bool spent) internal {
        Plain memory made = known.request;
        ++known.settlements;
        _money[made.token].open -= made.fee;
        _money[made.token].settled += made.fee;
        Book storage book = _books[made.licensee][Role.REQUESTER];
        if (made.grantSeq == 0 || !book.live || book.seq != made.grantSeq) return;
        --book.reserved;
        if (spent) ++book.spent;
    }

    function _check(bool holds, string memory otherwise) internal {
        if (!holds) violation = otherwise;
    }
}
