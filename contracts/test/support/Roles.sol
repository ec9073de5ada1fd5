// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Books} from "./Books.sol";
import {Plain} from "./Plain.sol";
import {InferenceOracle} from "../../src/InferenceOracle.sol";
import {Ask} from "../../src/interfaces/IInferenceOracle.sol";
import {Grant, Role, UseClass} from "../../src/interfaces/ILicenseRegistry.sol";
import {Mode, Policy} from "../../src/libraries/Policies.sol";
import {VM} from "./Vm.sol";

/// @notice Plays every role at random, each function from one seed. Whatever the oracle lets pass or refuses against the books is
/// a `violation`.
contract Roles is Books {
    uint256 private constant FORGERS_KEY = 0xBAD;
    uint256 private constant NONCES = 64;
    uint32 private constant MAX_CALLBACK_GAS = 50_000;

    Grant[] private _vouchers;
    bool private _offered; // the model, to the other licensor

    constructor(InferenceOracle oracle, bytes32 modelId) Books(oracle, modelId) {
        for (uint256 i; i < ACCOUNTS; ++i) {
            VM.prank(accountOf(i));
            TOKEN.approve(address(ORACLE), type(uint256).max);
            for (uint256 token; roleOf(i) == Role.OPERATOR && token < 2; ++token) {
                _serve(accountOf(i), tokenOf(token));
            }
        }
    }

    // licensors

    /// @dev Some vouchers of any kind: good, canceled, expired, early, of another epoch, signed by somebody else. Half of them wait.
    function sign(uint256 seed) external {
        for (uint256 i; i < 3; ++i) {
            _sign(uint256(keccak256(abi.encode(seed, i))));
        }
    }

    /// @dev Any voucher that was ever signed, perhaps again.
    function replay(uint256 seed) external {
        if (_vouchers.length > 0) _activate(_vouchers[seed % _vouchers.length], false);
    }

    /// @dev Whatever else a licensor can do.
    function manage(uint256 seed) external {
        uint256 what = _pick(seed, 30, 16);
        if (what < 2) _revoke(seed);
        else if (what < 5) _cancel(seed);
        else if (what < 6) _raiseEpoch();
        else if (what < 9) _publish(seed);
        else if (what < 12) _transfer();
        else _accept(seed);
    }

    // licensees and their hot keys, operators and their offers

    function arrange(uint256 seed) external {
        uint256 what = _pick(seed, 30, 5);
        if (what < 3) _delegate(seed);
        if (what > 0 && what < 4) _actFor(seed);
        if (what == 4) _offer(seed);
    }

    // requesters, operators, anyone

    function ask(uint256 seed) external {
        (address from, Ask memory ask_, address token, uint96 fee) = _wanted(seed);
        (bool allowed, Plain memory made) = _expected(from, ask_, token, fee);
        bytes memory call = token == address(0)
            ? abi.encodeCall(ORACLE.request, (ask_, "in"))
            : abi.encodeCall(ORACLE.requestWithToken, (ask_, "in", token, fee));
        if (_send(call, from, token, fee, allowed)) _asked(made);
    }

    /// @dev With a voucher, the asker's own or another's.
    function askFirst(uint256 seed) external {
        if (_vouchers.length == 0) return;
        (address from, Ask memory ask_, address token, uint96 fee) = _wanted(seed);
        Grant memory grant = _vouchers[seed % _vouchers.length];
        if (_pick(seed, 20, 2) == 0) from = grant.licensee;
        (bool good, bool known) = _acceptable(grant);
        Book memory before = _books[grant.licensee][grant.role];
        if (good) _entered(grant);
        (bool allowed, Plain memory made) = _expected(from, ask_, token, fee);
        bytes memory signature = _signature(grant, false);
        bytes memory call = abi.encodeCall(ORACLE.requestWithGrant, (ask_, "in", token, fee, grant, signature));
        if (_send(call, from, token, fee, allowed && (good || known))) {
            _asked(made);
            if (good) ++_reached.firstUses;
        } else {
            _books[grant.licensee][grant.role] = before;
        }
    }

    function fulfill(uint256 seed) external {
        if (_known.length == 0) return;
        Known storage known = _some(seed);
        Plain memory made = known.request;
        UseClass use = made.fee > 0 ? UseClass.COMMERCIAL : made.useClass;
        Mode mode = _versions[made.termsVersion - 1].policy.mode(Role.OPERATOR, use);
        (bool licensed, address licensee) = _licensed(made.operator, Role.OPERATOR, use, made.termsVersion, known.epoch);
        bool allowed = known.settlements == 0 && block.timestamp <= made.deadline
            && (mode == Mode.OPEN || (licensed && _usable(licensee, Role.OPERATOR, made.token, made.fee)));
        VM.prank(made.operator);
        try ORACLE.fulfillRequest(made.wire(), abi.encode(seed)) {
            _check(allowed, "answered without a license");
            if (mode == Mode.GRANT) _used(licensee, Role.OPERATOR, true);
            if (mode == Mode.GRANT && made.fee > 0) ++_reached.earned;
            if (mode == Mode.GRANT && licensee != made.operator) ++_reached.byHotKeys;
            _settled(known, true);
            ++_reached.answers;
        } catch {
            _check(!allowed, "an answer was not accepted");
        }
    }

    function refund(uint256 seed) external {
        if (_known.length == 0) return;
        Known storage known = _some(seed);
        bool allowed = known.settlements == 0 && block.timestamp > known.request.deadline;
        try ORACLE.refund(known.request.wire()) {
            _check(allowed, "refunded too early or twice");
            _settled(known, false);
            ++_reached.refunds;
        } catch {
            _check(!allowed, "a refund was not accepted");
        }
    }

    function withdraw(uint256 seed) external {
        address token = tokenOf(_pick(seed, 0, 2));
        try ORACLE.withdraw(token, payeeOf(seed)) returns (uint256 amount) {
            _money[token].paidOut += amount;
        } catch {}
    }

    function wait(uint256 seed) external {
        uint256 most = seed % 8 == 0 ? 15 days : seed % 4 == 0 ? 1 days : 100;
        VM.warp(block.timestamp + _pick(seed, 0, most));
    }

    function _revoke(uint256 seed) private {
        (address licensee, Role role) = (accountOf(seed), roleOf(seed));
        uint32 seq = _books[licensee][role].seq + uint32(_pick(seed, 0, 2));
        if (seq == 0) return;
        VM.prank(_licensor);
        ORACLE.revoke(MODEL_ID, licensee, role, seq);
        (_books[licensee][role].live, _books[licensee][role].seq) = (false, seq);
    }

    function _cancel(uint256 seed) private {
        VM.prank(_licensor);
        ORACLE.cancel(seed % NONCES);
        _canceled[_licensor][seed % NONCES] = true;
    }

    function _raiseEpoch() private {
        VM.prank(_licensor);
        _epoch = ORACLE.raiseEpoch(MODEL_ID);
    }

    /// @dev Mostly terms under which something is allowed.
    function _publish(uint256 seed) private {
        uint16 modes = uint16(seed >> 16);
        Policy policy = Policy.wrap(seed % 4 == 0 ? modes : 0x0555 + (modes & 0x0555));
        uint40 at = uint40(block.timestamp + 14 days);
        VM.prank(_licensor);
        try ORACLE.publishTerms(MODEL_ID, bytes32(seed), policy, at, "", "") {
            _check(block.timestamp >= _versions[_versions.length - 1].effectiveAt, "two pending versions");
            _versions.push(Version(at, policy));
        } catch {}
    }

    function _transfer() private {
        VM.prank(_licensor);
        ORACLE.transferLicensor(MODEL_ID, _other());
        _offered = true;
    }

    function _accept(uint256 seed) private {
        address who = seed % 4 == 0 ? accountOf(seed) : _other();
        bool allowed = _offered && who == _other();
        VM.prank(who);
        try ORACLE.acceptLicensor(MODEL_ID) {
            _check(allowed, "the model was taken");
            (_licensor, _offered) = (who, false);
            ++_reached.transfers;
        } catch {
            _check(!allowed, "an offered model could not be taken over");
        }
    }

    function _delegate(uint256 seed) private {
        (address licensee, address hotKey) = _keys(seed);
        bool allowed = _pick(seed, 1, 4) > 0;
        VM.prank(licensee);
        ORACLE.delegate(hotKey, allowed);
        _named[licensee][hotKey] = allowed;
    }

    function _actFor(uint256 seed) private {
        (address licensee, address hotKey) = _keys(seed);
        if (_pick(seed, 1, 4) == 0) licensee = address(0);
        VM.prank(hotKey);
        ORACLE.actFor(licensee);
        _claims[hotKey] = licensee;
    }

    function _offer(uint256 seed) private {
        address operator = accountOf(3 + seed % 3);
        address token = tokenOf(_pick(seed, 0, 2));
        if (_pick(seed, 1, 4) > 0) {
            _serve(operator, token);
        } else if (_serves[operator][token]) {
            VM.prank(operator);
            ORACLE.stopServing(MODEL_ID, token);
            _serves[operator][token] = false;
        }
    }

    function _sign(uint256 seed) private {
        uint256 who = seed % 3 == 2 && _pick(seed, 18, 4) > 0 ? seed + 1 : seed; // seldom a hot key
        (address licensee, Role role) = (accountOf(who), roleOf(who));
        uint32 seq = _books[licensee][role].seq + uint32(_pick(seed, 0, 4));
        bool plain = _pick(seed, 1, 2) == 0; // without limits
        _vouchers.push(
            Grant({
                modelId: MODEL_ID,
                licensor: _licensor,
                licensee: licensee,
                role: role,
                classes: plain ? 7 : uint8(1 + _pick(seed, 2, 7)),
                termsVersion: plain || _pick(seed, 3, 4) > 0 ? 0 : uint24(1 + _pick(seed, 4, _versions.length)),
                notBefore: uint40(block.timestamp + (_pick(seed, 5, 4) == 0 ? 100 : 0)),
                expiry: uint40(block.timestamp + 200 + _pick(seed, 6, 3) * 30 days),
                quota: plain || _pick(seed, 7, 2) == 0 ? UNLIMITED : uint32(_pick(seed, 8, 4)),
                dailyRate: plain || _pick(seed, 9, 2) == 0 ? UNLIMITED : uint32(_pick(seed, 10, 4)),
                royaltyBps: uint16(_pick(seed, 11, 5001)),
                priceToken: tokenOf(_pick(seed, 12, 2)),
                priceFloor: plain || role == Role.OPERATOR || _pick(seed, 13, 3) > 0 ? 0 : 1 gwei,
                payTo: _payTo(_pick(seed, 14, 2) == 0),
                epoch: _epoch,
                seq: seq == 0 ? 1 : seq,
                nonce: _pick(seed, 15, NONCES)
            })
        );
        if (_pick(seed, 16, 2) == 0) _activate(_vouchers[_vouchers.length - 1], _pick(seed, 17, 4) == 0);
    }

    function _activate(Grant memory grant, bool forged) private {
        (bool good, bool known) = _acceptable(grant);
        try ORACLE.activate(grant, _signature(grant, forged)) {
            _check((good && !forged) || known, "a used, canceled, expired or forged voucher was accepted");
            if (!known) _entered(grant);
            if (!known) ++_reached.activations;
        } catch {
            _check((!good || forged) && !known, "a voucher was not accepted");
        }
    }

    function _signature(Grant memory grant, bool forged) private view returns (bytes memory) {
        uint256 key = forged ? FORGERS_KEY : grant.licensor == VM.addr(keyOf(0)) ? keyOf(0) : keyOf(1);
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(key, ORACLE.hashGrant(grant));
        return abi.encodePacked(r, s, v);
    }

    function _serve(address operator, address token) private {
        VM.prank(operator);
        ORACLE.serve(MODEL_ID, token, 0, MAX_CALLBACK_GAS);
        _serves[operator][token] = true;
    }

    /// @dev A licensee and the hot key of its role.
    function _keys(uint256 seed) private pure returns (address licensee, address hotKey) {
        uint256 first = seed % 2 * 3;
        return (accountOf(first + _pick(seed, 0, 2)), accountOf(first + 2));
    }

    function _other() private view returns (address) {
        address first = VM.addr(keyOf(0));
        return _licensor == first ? VM.addr(keyOf(1)) : first;
    }

    /// @dev Mostly one that is open, if there is one.
    function _some(uint256 seed) private view returns (Known storage known) {
        known = _known[seed % _known.length];
        for (uint256 i = _known.length; i > 0 && known.settlements > 0 && _pick(seed, 31, 4) > 0; --i) {
            known = _known[i - 1];
        }
    }

    function _wanted(uint256 seed) private view returns (address from, Ask memory ask_, address token, uint96 fee) {
        from = accountOf(_pick(seed, 0, 3));
        token = tokenOf(_pick(seed, 1, 2));
        if (_pick(seed, 2, 3) > 0) fee = _pick(seed, 3, 8) == 0 ? type(uint96).max : uint96(_pick(seed, 4, 1 ether));
        ask_ = Ask({
            modelId: MODEL_ID,
            operator: accountOf(3 + _pick(seed, 5, 3)),
            useClass: UseClass(_pick(seed, 6, 3)),
            lane: uint64(_pick(seed, 7, 6)),
            deadline: uint40(block.timestamp + 1 + _pick(seed, 8, 2 days)),
            callbackGas: uint32(_pick(seed, 9, 2)) * MAX_CALLBACK_GAS
        });
    }

    function _send(bytes memory call, address from, address token, uint96 fee, bool allowed)
        private
        returns (bool done)
    {
        if (token == address(0)) VM.deal(from, fee);
        else TOKEN.mint(from, fee);
        VM.prank(from);
        (done,) = address(ORACLE).call{value: token == address(0) ? fee : 0}(call);
        _check(!done || allowed, "asked without a license");
        _check(done || !allowed, "a license was not accepted");
    }

    /// @dev The `index`-th of the small numbers in a seed.
    function _pick(uint256 seed, uint256 index, uint256 below) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, index))) % below;
    }
}
