// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Assessing, CodeAssessor} from "../../src/consumers/CodeAssessor.sol";
import {Ask, State} from "../../src/interfaces/IInferenceOracle.sol";
import {UseClass} from "../../src/interfaces/ILicenseRegistry.sol";
import {CodePointers} from "../../src/libraries/CodePointers.sol";
import {Fixture} from "./Fixture.sol";
import {Plain} from "./Plain.sol";
import {VM} from "./Vm.sol";

/// @notice Code that the honest operator finds nothing in.
contract Benign {
    uint256 public entry;

    function run(uint256 entry_) external payable {
        require(entry_ != 13, "unlucky");
        entry = entry_;
    }
}

/// @notice Code that the honest operator flags.
contract Thief {
    event Stolen();

    function run(uint256) external payable {
        emit Stolen();
    }
}

/// @notice A proxy whose implementation is in storage, and can be swapped by anybody.
contract StorageProxy {
    address public code;

    function set(address code_) external {
        code = code_;
    }

    fallback() external {
        (bool done,) = code.delegatecall(msg.data);
        require(done);
    }
}

/// @notice An oracle with an honest operator who answers about code by its hash.
abstract contract Assessed is Fixture {
    uint40 internal constant EXTRA = 5 days;
    uint40 internal constant WINDOW = 1 hours;
    bytes internal constant CLEAN = abi.encodePacked(bytes14(0), uint16(10_000), bytes16(0));
    bytes internal constant RISKY = abi.encodePacked(uint16(9000), bytes12(0), uint16(10_000), bytes16(0));
    bytes internal constant BLIND = abi.encodePacked(bytes14(0), uint16(434), bytes16(0));

    /// @dev Requests by each guard in each lane so far.
    mapping(CodeAssessor guard => mapping(uint64 lane => uint32)) internal asks;

    function _assessing() internal view returns (Assessing memory) {
        return Assessing({
            modelId: modelId,
            operator: operator,
            useClass: UseClass.COMMERCIAL,
            extraDelay: EXTRA,
            answerWindow: WINDOW,
            thresholdBps: 5000,
            minCoverageBps: 9000,
            callbackGas: 100_000
        });
    }

    /// @dev `from` asks about what a call of `target` would run.
    function _asked(CodeAssessor guard, address target, address from) internal returns (Plain memory made) {
        VM.prank(from);
        guard.assess(target);
        return _lastAsked(guard, target, from);
    }

    /// @dev The request that an ask by `from` has made.
    function _lastAsked(CodeAssessor guard, address target, address from) internal returns (Plain memory made) {
        (address code, bytes32 codeHash,) = CodePointers.follow(target);
        Ask memory ask = _ask();
        (ask.useClass, ask.callbackGas) = (UseClass.COMMERCIAL, guard.assessing().callbackGas);
        (ask.operator, ask.deadline) = (guard.assessing().operator, uint40(block.timestamp) + WINDOW);
        ask.lane = uint64(uint256(keccak256(abi.encode(from, codeHash))));
        made = _made(ask, address(guard), ++asks[guard][ask.lane], 0, ROYALTY_BPS);
        made.inputHash = keccak256(abi.encode(code, codeHash));
    }

    function _answer(Plain memory made, bytes memory output) internal {
        VM.prank(made.operator);
        oracle.fulfill(made.wire(), output, 0);
    }

    /// @dev Asks and answers.
    function _assess(CodeAssessor guard, address target, bytes memory output) internal {
        _answer(_asked(guard, target, stranger), output);
    }

    /// @dev What an honest operator says about code.
    function _honest(bytes32 codeHash) internal pure returns (bytes memory) {
        if (codeHash == keccak256(type(Benign).runtimeCode)) return CLEAN;
        return codeHash == keccak256(type(Thief).runtimeCode) ? RISKY : BLIND;
    }

    /// @dev A report with no score in which one bit of `NotKnown` is set.
    function _notKnown(uint256 bit) internal pure returns (bytes memory) {
        return abi.encodePacked(bytes14(0), bit == 7 ? 0 : uint16(10_000), bytes14(0), uint16(1 << bit));
    }

    function _clone(address implementation) internal pure returns (bytes memory) {
        return abi.encodePacked(hex"363d3d373d3d3d363d73", implementation, hex"5af43d82803e903d91602b57fd5bf3");
    }

    function _isOpen(Plain memory made) internal view returns (bool) {
        (State state, uint32 seq,) = oracle.stateOf(made.requester, made.lane);
        return state == State.OPEN && seq == made.seq;
    }
}
