// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {InferenceOracle} from "../src/InferenceOracle.sol";
import {Ask, IInferenceOracle, Request, State} from "../src/interfaces/IInferenceOracle.sol";
import {Role, UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {Fixture} from "./support/Fixture.sol";
import {VM, account, bound} from "./support/Vm.sol";

/// @notice Plays every role at random and remembers what it did.
contract Handler {
    struct Known {
        Request request;
        uint8 settlements;
    }

    InferenceOracle private immutable _ORACLE;
    bytes32 private immutable _MODEL_ID;
    address private immutable _OPERATOR;
    address private immutable _LICENSOR;
    uint16 private immutable _ROYALTY_BPS;

    Known[] private _known;
    uint256 public openFees;
    uint256 public paidIn;
    uint256 public paidOut;
    address[3] public requesters = [account("r1"), account("r2"), account("r3")];

    constructor(InferenceOracle oracle, bytes32 modelId, address operator, address licensor, uint16 royaltyBps) {
        (_ORACLE, _MODEL_ID, _OPERATOR, _LICENSOR, _ROYALTY_BPS) = (oracle, modelId, operator, licensor, royaltyBps);
    }

    function ask(uint256 who, uint64 lane, uint96 fee, uint32 window) external {
        address from = requesters[who % 3];
        lane %= 2;
        uint40 deadline = uint40(block.timestamp + 1 + window % 1000);
        VM.deal(from, fee);
        VM.prank(from);
        try _ORACLE.request{value: fee}(Ask(_MODEL_ID, _OPERATOR, UseClass.COMMERCIAL, lane, deadline, 0), "in") {
            (, uint32 seq,) = _ORACLE.stateOf(from, lane);
            _known.push(
                Known(
                    Request({
                        requester: from,
                        lane: lane,
                        seq: seq,
                        modelId: _MODEL_ID,
                        inputHash: keccak256("in"),
                        operator: _OPERATOR,
                        fee: fee,
                        licensor: _LICENSOR,
                        royaltyBps: _ROYALTY_BPS,
                        termsVersion: 1,
                        useClass: UseClass.COMMERCIAL,
                        deadline: deadline,
                        callbackGas: 0
                    }),
                    0
                )
            );
            openFees += fee;
            paidIn += fee;
        } catch {}
    }

    function fulfill(uint256 which, bytes calldata output) external {
        if (_known.length == 0) return;
        Known storage known = _known[which % _known.length];
        VM.prank(_OPERATOR);
        try _ORACLE.fulfill(known.request, output) {
            _settled(known);
        } catch {}
    }

    function refund(uint256 which) external {
        if (_known.length == 0) return;
        Known storage known = _known[which % _known.length];
        try _ORACLE.refund(known.request) {
            _settled(known);
        } catch {}
    }

    function withdraw(uint256 who) external {
        try _ORACLE.withdraw(_account(who % 5)) returns (uint256 amount) {
            paidOut += amount;
        } catch {}
    }

    function wait(uint16 seconds_) external {
        VM.warp(block.timestamp + seconds_ % 500);
    }

    function credits() external view returns (uint256 sum) {
        for (uint256 i; i < 5; ++i) {
            sum += _ORACLE.credits(_account(i));
        }
    }

    function settledTwice() external view returns (bool) {
        for (uint256 i; i < _known.length; ++i) {
            if (_known[i].settlements > 1) return true;
        }
        return false;
    }

    function _settled(Known storage known) private {
        known.settlements += 1;
        openFees -= known.request.fee;
    }

    function _account(uint256 index) private view returns (address) {
        return index < 3 ? requesters[index] : index == 3 ? _OPERATOR : _LICENSOR;
    }
}

contract ConservationTest is Fixture {
    Handler private handler;

    function setUp() public override {
        super.setUp();
        _ready(ALL_GRANT);
        handler = new Handler(oracle, modelId, operator, licensor, ROYALTY_BPS);
        _activate(operator, Role.OPERATOR);
        for (uint256 i; i < 3; ++i) {
            _activate(handler.requesters(i), Role.REQUESTER);
        }
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev To the wei: what the oracle holds is what it owes.
    function invariant_balanceIsCreditsAndOpenFees() external view {
        VM.assertEq(address(oracle).balance, handler.credits() + handler.openFees());
        VM.assertEq(handler.paidIn(), address(oracle).balance + handler.paidOut());
    }

    function invariant_noRequestIsSettledTwice() external view {
        VM.assertFalse(handler.settledTwice());
    }
}
