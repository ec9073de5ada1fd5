// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What a contract implements (ERC-165)
interface IERC165 {
    /// @notice Whether the contract implements an interface, named by the XOR of its selectors.
    function supportsInterface(bytes4 interfaceId) external view returns (bool);
}
