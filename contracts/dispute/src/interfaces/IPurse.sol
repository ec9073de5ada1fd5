// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What accounts are owed
/// @notice What is burnt stays here, counted nowhere: nothing pays it out.
interface IPurse {
    /// @notice An account did not take its money, which waits for it here.
    event Credited(address indexed account, uint256 amount);
    /// @notice An account's credit was paid out.
    event Withdrawn(address indexed account, address to, uint256 amount);

    /// @notice The receiver does not take the money.
    error TransferFailed(address to);

    /// @notice Pays an account its credit. Anyone may call it; the money goes to the account alone.
    function withdraw(address account) external returns (uint256 amount);

    /// @notice Pays the caller's credit to another account.
    function withdrawTo(address to) external returns (uint256 amount);

    /// @notice What `withdraw` would pay, wei.
    function credits(address account) external view returns (uint256);
}
