// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {LibCall} from "solady/utils/LibCall.sol";
import {ReentrancyGuard} from "solady/utils/ReentrancyGuard.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";

import {IPayments} from "./interfaces/IPayments.sol";

/// @title Credits, in ether and tokens
/// @dev Tokens are moved with solady's SafeTransferLib: those that return nothing (USDT) work. Money leaves as the last step.
abstract contract Payments is IPayments, ReentrancyGuard {
    /// @inheritdoc IPayments
    mapping(address token => mapping(address account => uint256)) public credits;

    /// @inheritdoc IPayments
    function withdraw(address token, address account) external returns (uint256 amount) {
        amount = credits[token][account];
        if (amount == 0) revert NothingToWithdraw(token, account);

        credits[token][account] = 0;

        emit Withdrawn(token, account, amount);

        if (token == address(0)) {
            (bool paid,,) = LibCall.tryCall(account, amount, gasleft(), 0, "");
            if (!paid) revert TransferFailed(account);
        } else {
            SafeTransferLib.safeTransfer(token, account, amount);
        }
    }

    function _credit(address token, address account, uint256 amount) internal {
        if (amount > 0) credits[token][account] += amount;
    }

    /// @dev Takes exactly `amount` of a token from the caller, or reverts. Never nested: a token that calls its sender back could
    /// otherwise let one payment count for two requests.
    function _pull(address token, uint256 amount) internal nonReentrant {
        uint256 before = SafeTransferLib.balanceOf(token, address(this));
        SafeTransferLib.safeTransferFrom(token, msg.sender, address(this), amount);
        uint256 received = SafeTransferLib.balanceOf(token, address(this)) - before;
        if (received != amount) revert FeeNotReceived(token, received, amount);
    }
}
