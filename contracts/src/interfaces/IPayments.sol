// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Credits, in ether and tokens
/// @notice Every token stands for itself: one that lies about balances harms those who accept it and nobody else. Everything that is earned or given back becomes a credit and is withdrawn. Zero stands for ether.
interface IPayments {
    /// @notice An account was paid its credit.
    event Withdrawn(address indexed token, address indexed account, uint256 amount);

    /// @notice The account has no credit.
    error NothingToWithdraw(address token, address account);
    /// @notice The account does not take the money; its credit stays.
    error TransferFailed(address account);
    /// @notice The token delivers another amount than was sent: tokens that take a fee on transfer are not accepted.
    error FeeNotReceived(address token, uint256 received, uint256 fee);

    /// @notice Pays an account its credit. Anyone may call it; the money goes to the account alone. A token that does not move it
    /// reverts with solady's `TransferFailed()`.
    function withdraw(address token, address account) external returns (uint256 amount);

    /// @notice What `withdraw` would pay an account, smallest units.
    function credits(address token, address account) external view returns (uint256);
}
