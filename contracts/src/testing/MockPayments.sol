// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPayments} from "../interfaces/IPayments.sol";

/// @title Credits and deposits of the oracle that stands in for the real one in tests
abstract contract MockPayments {
    /// @notice As solady's libraries say it in the oracle.
    error Overflow();
    error TransferFailed();
    error TransferFromFailed();

    /// @notice See `IPayments`.
    mapping(address token => mapping(address account => uint256)) public credits;

    /// @notice See `IPayments`.
    mapping(address token => mapping(address account => uint256)) public deposits;

    /// @notice See `IPayments`.
    function deposit(address token, address account, uint256 amount) external payable {
        _requireSent(token, amount);
        deposits[token][account] += amount;

        emit IPayments.Deposited(token, account, amount);

        if (token != address(0)) _pull(token, amount);
    }

    /// @notice See `IPayments`.
    function withdrawDeposit(address token, uint256 amount, address to) external returns (uint256 paid) {
        _spend(token, msg.sender, amount);
        credits[token][msg.sender] += amount;

        emit IPayments.DepositReleased(token, msg.sender, amount);

        return _pay(token, msg.sender, to);
    }

    /// @notice See `IPayments`.
    function withdraw(address token, address account) external returns (uint256 amount) {
        return _pay(token, account, account);
    }

    /// @notice See `IPayments`.
    function withdrawTo(address token, address to) external returns (uint256 amount) {
        return _pay(token, msg.sender, to);
    }

    function _requireSent(address token, uint256 amount) internal view {
        uint256 inEther = token == address(0) ? amount : 0;
        if (msg.value != inEther) revert IPayments.FeeNotReceived(address(0), msg.value, inEther);
    }

    function _spend(address token, address account, uint256 amount) internal {
        uint256 held = deposits[token][account];
        if (held < amount) revert IPayments.DepositTooLow(held, amount);
        deposits[token][account] = held - amount;
    }

    function _pay(address token, address account, address to) private returns (uint256 amount) {
        amount = credits[token][account];
        if (amount == 0) return 0;

        credits[token][account] = 0;

        emit IPayments.Withdrawn(token, account, to, amount);

        if (token == address(0)) {
            (bool paid,) = to.call{value: amount}("");
            if (!paid) revert IPayments.TransferFailed(to);
        } else {
            if (!_moved(token, abi.encodeCall(IToken.transfer, (to, amount)))) revert TransferFailed();
        }
    }

    function _pull(address token, uint256 amount) internal {
        uint256 before = IToken(token).balanceOf(address(this));
        if (!_moved(token, abi.encodeCall(IToken.transferFrom, (msg.sender, address(this), amount)))) {
            revert TransferFromFailed();
        }
        uint256 received = IToken(token).balanceOf(address(this)) - before;
        if (received != amount) revert IPayments.FeeNotReceived(token, received, amount);
    }

    /// @dev Tokens that return nothing move too.
    function _moved(address token, bytes memory data) private returns (bool) {
        (bool done, bytes memory said) = token.call(data);
        return done && (said.length == 0 || abi.decode(said, (bool)));
    }
}

interface IToken {
    function balanceOf(address account) external view returns (uint256);
    function transfer(address to, uint256 amount) external returns (bool);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}
