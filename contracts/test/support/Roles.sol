// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Plain} from "./Plain.sol";
import {InferenceOracle} from "../../src/InferenceOracle.sol";
import {Ask} from "../../src/interfaces/IInferenceOracle.sol";
import {Grant, GrantState, Role, UseClass} from "../../src/interfaces/ILicenseRegistry.sol";
import {Mode, Policy} from "../../src/libraries/Policies.sol";
import {StandardToken} from "./Tokens.sol";
import {VM, account} from "./Vm.sol";

/// @notice Plays every role at random, and keeps books of its own about who may do what. Whatever the oracle lets pass or refuses
/// against these books is a `violation`.
contract Roles {
    uint256 private constant LICENSOR_KEY = 0xA11CE;
    uint256 private constant ACCOUNTS = 5; // three requesters, the last of them a hot key; two operators
    uint32 private constant UNLIMITED = type(uint32).max;

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

    InferenceOracle public immutable ORACLE;
    StandardToken public immutable TOKEN;
    bytes32 private immutable _MODEL_ID;

    string public violation;
    uint256 public accepted; // activations, requests and answers that went through

    Known[] private _known;
    Grant[] private _vouchers;
    Version[] private _versions;
    uint16 private _epoch;
    mapping(uint256 nonce => bool) private _canceled;
    mapping(address licensee => mapping(Role => Book)) private _books;
    mapping(address licensee => mapping(address => bool)) private _named;
    mapping(address hotKey => address) private _claims;
    mapping(address token => Money) private _money;

    constructor(InferenceOracle oracle, bytes32 modelId) {
        (ORACLE, _MODEL_ID) = (oracle, modelId);
        TOKEN = new StandardToken();
        (uint24 version, Policy policy) = oracle.termsInForce(modelId);
        require(version == 1);
        _versions.push(Version(uint40(block.timestamp), policy));
        for (uint256 i; i < 5; ++i) {
            address who = accountOf(i);
            VM.prank(who);
            TOKEN.approve(address(oracle), type(uint256).max);
            for (uint256 token; i > 2 && token < 2; ++token) {
                VM.prank(who);
                oracle.serve(modelId, _token(token), 0, 0);
            }
        }
    }

    // licensor

    /// @dev Any voucher: good, canceled, expired, early, of another epoch, signed by somebody else.
    function sign(uint256 seed, uint256 who) external {
        address licensee = accountOf(who);
        Role role = who % ACCOUNTS > 2 ? Role.OPERATOR : Role.REQUESTER;
        uint32 seq = _books[licensee][role].seq + uint32(_pick(seed, 0, 4));
        _vouchers.push(
            Grant({
                modelId: _MODEL_ID,
                licensor: VM.addr(LICENSOR_KEY),
                licensee: licensee,
                role: role,
                classes: uint8(1 + _pick(seed, 1, 7)),
                termsVersion: _pick(seed, 2, 3) == 0 ? uint24(1 + _pick(seed, 3, 3)) : 0,
                notBefore: uint40(block.timestamp + _pick(seed, 4, 2) * 100),
                expiry: uint40(block.timestamp + 200 + _pick(seed, 5, 3) * 10 days),
                quota: _pick(seed, 6, 2) == 0 ? UNLIMITED : uint32(_pick(seed, 7, 4)),
                dailyRate: _pick(seed, 8, 2) == 0 ? UNLIMITED : uint32(_pick(seed, 9, 4)),
                royaltyBps: uint16(_pick(seed, 10, 5001)),
                priceToken: _token(_pick(seed, 11, 2)),
                priceFloor: role == Role.OPERATOR || _pick(seed, 12, 3) > 0 ? 0 : 1 gwei,
                payTo: _pick(seed, 13, 2) == 0 ? address(0) : account("payee"),
                epoch: _epoch,
                seq: seq == 0 ? 1 : seq,
                nonce: _pick(seed, 14, 16)
            })
        );
        _activate(_vouchers[_vouchers.length - 1], _pick(seed, 15, 8) == 0 ? LICENSOR_KEY + 1 : LICENSOR_KEY);
    }

    /// @dev Any voucher that was ever signed, again.
    function replay(uint256 which) external {
        if (_vouchers.length > 0) _activate(_vouchers[which % _vouchers.length], LICENSOR_KEY);
    }

    function revoke(uint256 who, uint32 further) external {
        address licensee = accountOf(who);
        Role role = who % ACCOUNTS > 2 ? Role.OPERATOR : Role.REQUESTER;
        Book storage book = _books[licensee][role];
        uint32 seq = book.seq + further % 2;
        if (seq == 0 || further % 3 > 0) return;
        VM.prank(VM.addr(LICENSOR_KEY));
        ORACLE.revoke(_MODEL_ID, licensee, role, seq);
        (book.live, book.seq) = (false, seq);
    }

    function cancel(uint256 nonce) external {
        VM.prank(VM.addr(LICENSOR_KEY));
        ORACLE.cancel(nonce % 16);
        _canceled[nonce % 16] = true;
    }

    function raiseEpoch(uint8 seed) external {
        if (seed % 8 > 0) return;
        VM.prank(VM.addr(LICENSOR_KEY));
        _epoch = ORACLE.raiseEpoch(_MODEL_ID);
    }

    function publish(uint16 policy) external {
        uint40 at = uint40(block.timestamp + 14 days);
        VM.prank(VM.addr(LICENSOR_KEY));
        try ORACLE.publishTerms(_MODEL_ID, bytes32(uint256(policy)), Policy.wrap(policy), at, "", "") {
            _check(block.timestamp >= _versions[_versions.length - 1].effectiveAt, "two pending versions");
            _versions.push(Version(at, Policy.wrap(policy)));
        } catch {}
    }

    // licensees

    function delegate(uint256 who, bool allowed) external {
        VM.prank(accountOf(who % 2));
        ORACLE.delegate(accountOf(2), allowed);
        _named[accountOf(who % 2)][accountOf(2)] = allowed;
    }

    function actFor(uint256 who) external {
        address licensee = who % 3 == 2 ? address(0) : accountOf(who % 3);
        VM.prank(accountOf(2));
        ORACLE.actFor(licensee);
        _claims[accountOf(2)] = licensee;
    }

    // requesters, operators, anyone

    function ask(uint256 seed, uint96 fee) external {
        address from = accountOf(_pick(seed, 0, 3));
        address token = _token(_pick(seed, 1, 2));
        fee = _pick(seed, 2, 3) == 0 ? 0 : fee;
        Ask memory ask_ = Ask({
            modelId: _MODEL_ID,
            operator: accountOf(3 + _pick(seed, 3, 2)),
            useClass: UseClass(_pick(seed, 4, 3)),
            lane: uint64(_pick(seed, 5, 3)),
            deadline: uint40(block.timestamp + 1 + _pick(seed, 6, 2 days)),
            callbackGas: 0
        });
        (bool allowed, Plain memory made) = _expected(from, ask_, token, fee);
        if (_ask(from, ask_, token, fee)) {
            _check(allowed, "asked without a license");
            (, made.seq,) = ORACLE.stateOf(from, ask_.lane);
            _use(made.licensee, Role.REQUESTER, false);
            _money[token].paidIn += fee;
            _money[token].open += fee;
            _known.push(Known(made, _epoch, 0));
            ++accepted;
        } else {
            _check(!allowed, "a license was not accepted");
        }
    }

    function fulfill(uint256 which, bytes calldata output) external {
        if (_known.length == 0 || output.length > 1024) return;
        Known storage known = _known[which % _known.length];
        Plain memory made = known.request;
        UseClass use = made.fee > 0 ? UseClass.COMMERCIAL : made.useClass;
        Mode mode = _versions[made.termsVersion - 1].policy.mode(Role.OPERATOR, use);
        (bool licensed, address licensee) = _licensed(made.operator, Role.OPERATOR, use, made.termsVersion, known.epoch);
        bool allowed = known.settlements == 0 && block.timestamp <= made.deadline
            && (mode == Mode.OPEN || (licensed && _usable(licensee, Role.OPERATOR, made.token, made.fee)));
        VM.prank(made.operator);
        try ORACLE.fulfillRequest(made.wire(), output) {
            _check(allowed, "answered without a license");
            if (mode == Mode.GRANT) _use(licensee, Role.OPERATOR, true);
            if (made.licensee != address(0)) _give(made, true);
            _settled(known);
            ++accepted;
        } catch {
            _check(!allowed, "an answer was not accepted");
        }
    }

    function refund(uint256 which) external {
        if (_known.length == 0) return;
        Known storage known = _known[which % _known.length];
        bool allowed = known.settlements == 0 && block.timestamp > known.request.deadline;
        try ORACLE.refund(known.request.wire()) {
            _check(allowed, "refunded too early or twice");
            if (known.request.licensee != address(0)) _give(known.request, false);
            _settled(known);
        } catch {
            _check(!allowed, "a refund was not accepted");
        }
    }

    function withdraw(uint256 who, uint256 which) external {
        address token = _token(which);
        try ORACLE.withdraw(token, _payee(who)) returns (uint256 amount) {
            _money[token].paidOut += amount;
        } catch {}
    }

    function wait(uint256 seconds_) external {
        uint256 most = seconds_ % 8 == 0 ? 15 days : seconds_ % 2 == 0 ? 1 days : 100;
        VM.warp(block.timestamp + (seconds_ >> 8) % most);
    }

    // what must hold

    /// @dev To the smallest unit: what the oracle holds is what it owes, and what came in went out or is still owed.
    function assertMoney() external view {
        for (uint256 i; i < 2; ++i) {
            address token = _token(i);
            Money memory money = _money[token];
            uint256 held = i == 0 ? address(ORACLE).balance : TOKEN.balanceOf(address(ORACLE));
            uint256 owed;
            for (uint256 who; who < ACCOUNTS + 2; ++who) {
                owed += ORACLE.credits(token, _payee(who));
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
            Role role = who > 2 ? Role.OPERATOR : Role.REQUESTER;
            Book storage book = _books[accountOf(who)][role];
            GrantState memory state = ORACLE.grantOf(_MODEL_ID, accountOf(who), role);
            VM.assertEq(state.seq, book.seq);
            VM.assertEq(state.seq > 0 && !state.revoked, book.live);
            if (!book.live) continue;
            if (book.grant.quota == UNLIMITED) VM.assertEq(state.quotaLeft, UNLIMITED);
            else VM.assertEq(state.quotaLeft + book.reserved + book.spent, book.grant.quota);
        }
    }

    function accountOf(uint256 index) public pure returns (address) {
        return address(uint160(0xacc0 + index % ACCOUNTS));
    }

    function _payee(uint256 index) private view returns (address) {
        index %= ACCOUNTS + 2;
        if (index < ACCOUNTS) return accountOf(index);
        return index == ACCOUNTS ? account("payee") : ORACLE.licensorOf(_MODEL_ID);
    }

    function _activate(Grant memory grant, uint256 key) private {
        Book storage book = _books[grant.licensee][grant.role];
        bytes32 digest = ORACLE.hashGrant(grant);
        bool known = book.live && book.seq == grant.seq && ORACLE.hashGrant(book.grant) == digest;
        bool good = grant.seq > book.seq && !_canceled[grant.nonce] && grant.epoch == _epoch
            && grant.expiry >= block.timestamp && key == LICENSOR_KEY;
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(key, digest);
        try ORACLE.activate(grant, abi.encodePacked(r, s, v)) {
            _check(good || known, "a used, canceled, expired or forged voucher was accepted");
            if (!known) {
                (book.grant, book.seq, book.live) = (grant, grant.seq, true);
                (book.reserved, book.spent, book.today) = (0, 0, 0);
                ++accepted;
            }
        } catch {
            _check(!good && !known, "a voucher was not accepted");
        }
    }

    function _ask(address from, Ask memory ask_, address token, uint96 fee) private returns (bool done) {
        if (token == address(0)) {
            VM.deal(from, fee);
            VM.prank(from);
            (done,) = address(ORACLE).call{value: fee}(abi.encodeCall(ORACLE.request, (ask_, "in")));
        } else {
            TOKEN.mint(from, fee);
            VM.prank(from);
            (done,) = address(ORACLE).call(abi.encodeCall(ORACLE.requestWithToken, (ask_, "in", token, fee)));
        }
    }

    /// @dev Whether the terms in force and the books allow a request, and what it is then.
    function _expected(address from, Ask memory ask_, address token, uint96 fee)
        private
        view
        returns (bool allowed, Plain memory made)
    {
        uint24 version = uint24(_versions.length);
        if (_versions[version - 1].effectiveAt > block.timestamp) --version;
        Policy policy = _versions[version - 1].policy;
        (made.requester, made.lane, made.modelId, made.inputHash) = (from, ask_.lane, _MODEL_ID, keccak256("in"));
        (made.operator, made.token, made.fee, made.termsVersion) = (ask_.operator, token, fee, version);
        (made.useClass, made.deadline) = (ask_.useClass, ask_.deadline);
        allowed = _free(from, ask_.lane)
            && policy.mode(Role.OPERATOR, fee > 0 ? UseClass.COMMERCIAL : ask_.useClass) != Mode.CLOSED;
        Mode mode = policy.mode(Role.REQUESTER, ask_.useClass);
        if (mode == Mode.CLOSED) allowed = false;
        if (mode == Mode.GRANT) {
            (bool licensed, address licensee) = _licensed(from, Role.REQUESTER, ask_.useClass, version, _epoch);
            allowed = allowed && licensed && _usable(licensee, Role.REQUESTER, token, fee);
            Grant storage grant = _books[licensee][Role.REQUESTER].grant;
            (made.licensee, made.grantSeq) = (licensee, grant.seq);
            if (fee > 0 && grant.royaltyBps > 0) {
                made.royaltyBps = grant.royaltyBps;
                made.payTo = grant.payTo == address(0) ? VM.addr(LICENSOR_KEY) : grant.payTo;
            }
        }
    }

    function _free(address from, uint64 lane) private view returns (bool) {
        for (uint256 i; i < _known.length; ++i) {
            Known storage known = _known[i];
            if (known.request.requester == from && known.request.lane == lane && known.settlements == 0) return false;
        }
        return true;
    }

    function _licensed(address who, Role role, UseClass use, uint24 version, uint16 epoch)
        private
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

    function _usable(address licensee, Role role, address token, uint96 fee) private view returns (bool) {
        Book storage book = _books[licensee][role];
        Grant storage grant = book.grant;
        if (grant.quota != UNLIMITED && book.reserved + book.spent >= grant.quota) return false;
        uint32 today = book.day == block.timestamp / 1 days ? book.today : 0;
        if (grant.dailyRate != UNLIMITED && today >= grant.dailyRate) return false;
        return grant.priceFloor == 0 || (token == grant.priceToken && fee >= grant.priceFloor);
    }

    function _use(address licensee, Role role, bool spent) private {
        if (licensee == address(0)) return;
        Book storage book = _books[licensee][role];
        if (spent) ++book.spent;
        else ++book.reserved;
        uint256 day = block.timestamp / 1 days;
        book.today = (book.day == day ? book.today : 0) + 1;
        book.day = day;
    }

    /// @dev The reserved use of a request is spent, or given back, if its grant is still there.
    function _give(Plain memory made, bool spent) private {
        Book storage book = _books[made.licensee][Role.REQUESTER];
        if (!book.live || book.seq != made.grantSeq) return;
        --book.reserved;
        if (spent) ++book.spent;
    }

    function _settled(Known storage known) private {
        ++known.settlements;
        _money[known.request.token].open -= known.request.fee;
        _money[known.request.token].settled += known.request.fee;
    }

    function _check(bool holds, string memory otherwise) private {
        if (!holds) violation = otherwise;
    }

    function _token(uint256 index) private view returns (address) {
        return index % 2 == 0 ? address(0) : address(TOKEN);
    }

    /// @dev The `index`-th of the small numbers in a seed.
    function _pick(uint256 seed, uint256 index, uint256 below) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, index))) % below;
    }
}
