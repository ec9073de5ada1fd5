// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IInferenceOracle, Request} from "../interfaces/IInferenceOracle.sol";
import {LaneWord} from "../types/LaneWord.sol";
import {Requests} from "./Requests.sol";

/// @title Calling the oracle with what stands in calldata already
/// @dev The compiler would read, check and copy each word of each request: 1,100 gas a call.
library Oracles {
    using Requests for Request;

    /// @notice Calls `fulfill`.
    /// @return done False: it has reverted, see `reason`.
    /// @return pay What the operator earned.
    function fulfill(IInferenceOracle oracle, Request calldata request, bytes calldata output, uint96 minPay)
        internal
        returns (bool done, uint256 pay)
    {
        (uint256 call_, uint256 size) = _fulfilling(request, output, minPay);
        assembly ("memory-safe") {
            done := call(gas(), oracle, 0, call_, size, 0x00, 0x20)
            pay := mload(0x00)
        }
    }

    /// @notice Calls `fulfill` of this very contract, by the same sender.
    /// @return done False: it has reverted, see `reason`.
    function fulfillHere(Request calldata request, bytes calldata output, uint96 minPay) internal returns (bool done) {
        (uint256 call_, uint256 size) = _fulfilling(request, output, minPay);
        assembly ("memory-safe") {
            done := delegatecall(gas(), address(), call_, size, 0, 0)
        }
    }

    /// @notice What the last call has reverted with.
    function reason() internal pure returns (bytes memory said) {
        assembly ("memory-safe") {
            said := mload(0x40)
            mstore(said, returndatasize())
            returndatacopy(add(said, 0x20), 0, returndatasize())
            mstore(0x40, and(add(add(said, 0x3f), returndatasize()), not(0x1f)))
        }
    }

    /// @notice Reads the lane of a request.
    function laneOf(IInferenceOracle oracle, Request calldata request) internal view returns (LaneWord word) {
        (bytes4 selector, address requester) = (IInferenceOracle.laneOf.selector, request.requesterOf());
        uint64 lane = request.facts.lane();
        assembly ("memory-safe") {
            let call_ := mload(0x40)
            mstore(call_, selector)
            mstore(add(call_, 0x04), requester)
            mstore(add(call_, 0x24), lane)
            if iszero(staticcall(gas(), oracle, call_, 0x44, 0x00, 0x20)) { revert(0, 0) } // bits above an address
            word := mload(0x00)
        }
    }

    /// @dev The calldata of `fulfill`, in memory that is not taken: it is needed by the next instruction alone.
    function _fulfilling(Request calldata request, bytes calldata output, uint96 minPay)
        private
        pure
        returns (uint256 at, uint256 size)
    {
        bytes4 selector = IInferenceOracle.fulfill.selector;
        assembly ("memory-safe") {
            at := mload(0x40)
            mstore(at, selector)
            calldatacopy(add(at, 0x04), request, 0x120)
            mstore(add(at, 0x124), 0x160)
            mstore(add(at, 0x144), minPay)
            mstore(add(at, 0x164), output.length)
            calldatacopy(add(at, 0x184), output.offset, output.length)
            size := add(0x184, output.length)
        }
    }
}
