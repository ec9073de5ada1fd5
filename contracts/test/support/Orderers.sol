// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Plain} from "./Plain.sol";
import {Roles} from "./Roles.sol";
import {InferenceOracle} from "../../src/InferenceOracle.sol";
import {Ask, Request} from "../../src/interfaces/IInferenceOracle.sol";
import {Facts} from "../../src/types/Facts.sol";
import {VM} from "./Vm.sol";

/// @notice The same, and whoever pays in advance and signs orders.
contract Orderers is Roles {
    /// @dev An order that was answered, to be tried again.
    struct Past {
        Request order;
        bytes signature;
    }

    Past[] private _past;

    constructor(InferenceOracle oracle, bytes32 modelId) Roles(oracle, modelId) {}

    /// @notice All that can be played, each with one number.
    function plays() public view override returns (bytes4[] memory all) {
        bytes4[] memory others = super.plays();
        all = new bytes4[](others.length + 3);
        for (uint256 i; i < others.length; ++i) {
            all[i] = others[i];
        }
        (all[others.length], all[others.length + 1], all[others.length + 2]) =
        (this.order.selector, this.order.selector, this.prepare.selector);
    }

    /// @dev What a requester does beside its orders.
    function prepare(uint256 seed) external {
        uint256 what = _pick(seed, 39, 3);
        if (what == 0) {
            _withdrawDeposit(seed);
        } else if (what == 1) {
            _cancelOrder(seed);
        } else {
            _deposit(tokenOf(_pick(seed, 0, 2)), accountOf(_pick(seed, 1, 3)), _pick(seed, 2, 3 ether), seed % 6 == 0);
        }
    }

    /// @dev Answers an order, or tries: forged, replayed, out of its turn, under other terms, beyond the deposit, by somebody else.
    function order(uint256 seed) external {
        if (_past.length > 0 && _pick(seed, 40, 8) == 0) return _replay(_past[seed % _past.length]);
        (Plain memory plain, uint8 items) = _signable(seed);
        if (_pick(seed, 41, 3) > 0 && plain.fee < 1 ether) _deposit(plain.token, plain.requester, plain.fee, false);
        uint96 minPay = _pick(seed, 42, 4) == 0 ? uint96(_pick(seed, 43, uint256(plain.fee) + 1)) : 0;
        Request memory wire = _wire(plain, items);
        bool forged = _pick(seed, 44, 8) == 0;
        address by = _pick(seed, 45, 8) == 0 ? accountOf(3 + _pick(seed, 46, 3)) : plain.operator;
        bytes memory signature = _signature(wire, forged ? FORGERS_KEY : _keyOf(plain.requester));
        bytes32 id = ORACLE.idOf(wire);
        (bool allowed, Known memory known, Licensed memory license) = _orderable(plain, items == 0 ? 1 : items, minPay);
        allowed = allowed && !forged && by == plain.operator;
        VM.prank(by);
        try ORACLE.fulfillOrder(wire, signature, abi.encode(seed), minPay) {
            _check(4, allowed, "an order was answered against the rules");
            known.hash = id;
            _asked(known);
            _deposits[plain.token][plain.requester] -= plain.fee;
            _answered(_known[_known.length - 1], license, minPay, abi.encode(seed));
            _past.push(Past(wire, signature));
            ++_reached.orders;
            if (items > 1) ++_reached.lists;
        } catch {
            _check(4, !allowed, "an order was not accepted");
        }
    }

    function _cancelOrder(uint256 seed) private {
        (address who, uint64 lane) = (accountOf(_pick(seed, 0, 3)), uint64(_pick(seed, 1, 6)));
        (, uint32 last,) = ORACLE.stateOf(who, lane);
        uint32 seq = last + uint32(_pick(seed, 2, 6) == 0 ? _pick(seed, 3, 3) : 1);
        bool allowed = _free(who, lane) && seq == last + 1;
        VM.prank(who);
        try ORACLE.cancelOrder(lane, seq) {
            _check(5, allowed, "an order was canceled out of its turn");
            ++_reached.cancels;
        } catch {
            _check(5, !allowed, "an order was not canceled");
        }
    }

    function _withdrawDeposit(uint256 seed) private {
        (address token, address who) = (tokenOf(_pick(seed, 0, 2)), accountOf(_pick(seed, 1, 3)));
        uint256 held = _deposits[token][who];
        uint256 amount = _pick(seed, 2, 5) == 0 ? held + 1 : _pick(seed, 3, held + 1);
        address to = payeeOf(seed >> 8);
        uint256 before = _balance(token, to);
        VM.prank(who);
        try ORACLE.withdrawDeposit(token, amount, to) returns (uint256 paid) {
            _check(1, amount <= held, "more than the deposit was taken back");
            _deposits[token][who] -= amount;
            _credits[token][who] += amount;
            _money[token].paidIn += amount;
            _money[token].settled += amount;
            _check(1, paid == _paidOut(token, who) && _balance(token, to) == before + paid, "a deposit went elsewhere");
            if (amount > 0) ++_reached.takenBack;
        } catch {
            _check(1, amount > held, "a deposit was not given back");
        }
    }

    /// @dev No order is answered twice, whatever has happened since.
    function _replay(Past storage past) private {
        VM.prank(past.order.operator);
        try ORACLE.fulfillOrder(past.order, past.signature, "again", 0) {
            _check(5, false, "an order was answered twice");
        } catch {}
    }

    /// @dev By anyone, for anyone; sometimes another amount than was sent.
    function _deposit(address token, address who, uint256 amount, bool wrong) private {
        uint256 sent = token == address(0) && wrong ? amount + 1 : amount;
        address from = accountOf(5);
        if (token == address(0)) VM.deal(from, from.balance + sent);
        else TOKEN.mint(from, sent);
        VM.prank(from);
        try ORACLE.deposit{value: token == address(0) ? sent : 0}(token, who, amount) {
            _check(1, sent == amount, "a deposit was not sent");
            _deposits[token][who] += amount;
        } catch {
            _check(1, sent != amount, "a deposit was not accepted");
        }
    }

    /// @dev Mostly the next in its lane, under the terms in force.
    function _signable(uint256 seed) private view returns (Plain memory plain, uint8 items) {
        (address from, Ask memory ask, address token, uint96 fee) = _wanted(seed);
        (, uint32 last,) = ORACLE.stateOf(from, ask.lane);
        (plain.requester, plain.lane, plain.modelId, plain.inputHash) = (from, ask.lane, MODEL_ID, keccak256("in"));
        (plain.operator, plain.token, plain.fee, plain.useClass) = (ask.operator, token, fee, ask.useClass);
        plain.seq = last + uint32(_pick(seed, 47, 10) == 0 ? _pick(seed, 48, 4) : 1);
        plain.termsVersion = _versionInForce() + uint24(_pick(seed, 49, 12) == 0 ? 1 : 0);
        plain.deadline = uint40(block.timestamp) + uint40(_pick(seed, 50, 100));
        if (_pick(seed, 51, 12) == 0) plain.deadline = uint40(block.timestamp - 1);
        plain.callbackGas = ask.callbackGas;
        if (_pick(seed, 52, 3) == 0) items = uint8(1 + _pick(seed, 53, 3));
    }

    function _wire(Plain memory plain, uint8 items) private pure returns (Request memory wire) {
        wire = plain.wire();
        wire.facts = Facts.wrap(Facts.unwrap(wire.facts) | uint256(items) << 248);
    }

    function _signature(Request memory wire, uint256 key) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(key, ORACLE.hashOrder(wire));
        return abi.encodePacked(r, s, v);
    }

    function _keyOf(address who) private view returns (uint256) {
        for (uint256 i; i < ACCOUNTS; ++i) {
            if (accountOf(i) == who) return keyOfAccount(i);
        }
        revert();
    }
}
