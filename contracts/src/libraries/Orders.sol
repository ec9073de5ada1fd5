// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Request} from "../interfaces/IInferenceOracle.sol";
import {Facts} from "../types/Facts.sol";

/// @title What a requester signs of an order
/// @dev A struct of readable fields, so that a wallet shows what is signed; on the wire an order is a `Request`, and has its id.
library Orders {
    /// @notice The EIP-712 type of an order.
    bytes32 internal constant TYPEHASH = keccak256(
        "InferenceOrder(address requester,bytes32 modelId,bytes32 inputHash,address operator,address token,uint96 fee,uint8 items,uint64 lane,uint32 seq,uint40 deadline,uint32 callbackGas,uint24 termsVersion,uint8 useClass)"
    );

    /// @notice EIP-712's hash of the struct: six words of the request as they are, and seven of its facts.
    function structHash(Request calldata order) internal pure returns (bytes32 hash) {
        bytes32 typehash = TYPEHASH;
        (uint256 items, uint256 lane, uint256 seq) = (order.facts.items(), order.facts.lane(), order.facts.seq());
        (uint256 deadline, uint256 callbackGas) = (order.facts.deadline(), order.facts.callbackGas());
        (uint256 version, uint256 useClass) = (order.facts.termsVersion(), uint8(Facts.unwrap(order.facts)));
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typehash)
            calldatacopy(add(free, 0x20), order, 0xc0)
            mstore(add(free, 0xe0), items)
            mstore(add(free, 0x100), lane)
            mstore(add(free, 0x120), seq)
            mstore(add(free, 0x140), deadline)
            mstore(add(free, 0x160), callbackGas)
            mstore(add(free, 0x180), version)
            mstore(add(free, 0x1a0), useClass)
            hash := keccak256(free, 0x1c0)
        }
    }

    /// @notice Whether it names nothing that its requester does not sign: no payee, licensee, grant or royalty, and no bits above
    /// what a field holds.
    function isOrder(Request calldata request) internal pure returns (bool yes) {
        uint256 unsigned = request.facts.licensed();
        assembly ("memory-safe") {
            let addresses := or(calldataload(request), calldataload(add(request, 0x60))) // requester, operator
            addresses := or(addresses, calldataload(add(request, 0x80))) // token
            unsigned := or(unsigned, or(shr(160, addresses), shr(96, calldataload(add(request, 0xa0))))) // fee
            unsigned := or(unsigned, or(calldataload(add(request, 0xc0)), calldataload(add(request, 0xe0)))) // payTo, licensee
            yes := iszero(unsigned)
        }
    }
}
