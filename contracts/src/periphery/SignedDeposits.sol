// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";

import {IPayments} from "../interfaces/IPayments.sol";

/// @dev Of EIP-2612.
interface IPermit {
    function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external;
}

/// @dev Of EIP-3009.
interface IAuthorization {
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;
}

/// @title Deposits by signature: whoever has tokens and no ether signs, and anybody sends
/// @notice Stands beside a market and holds nothing: tokens go on to the deposit of the account whose they were, and nowhere else.
///
/// Warning: whoever allows this contract more than it permits at once lets anybody move so much into its own deposit.
contract SignedDeposits {
    using SafeTransferLib for address;

    /// @notice Whose deposits are grown.
    IPayments public immutable MARKET;

    constructor(IPayments market) {
        MARKET = market;
    }

    /// @notice Deposits an owner's tokens by its permit (EIP-2612) for this contract. One that somebody else has used up already, to be in
    /// the way, has allowed as much: then this allowance is used.
    /// @param amount Smallest units; what is permitted.
    /// @param deadline Seconds; of the permit.
    function depositWithPermit(
        address token,
        address owner,
        uint256 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        try IPermit(token).permit(owner, address(this), amount, deadline, v, r, s) {} catch {} // without allowance the next line reverts
        token.safeTransferFrom(owner, address(this), amount);
        _deposit(token, owner, amount);
    }

    /// @notice Deposits tokens by their owner's authorization (EIP-3009, `receiveWithAuthorization`) of a transfer to this contract.
    /// @param amount Smallest units.
    /// @param validAfter Seconds.
    /// @param validBefore Seconds.
    function depositWithAuthorization(
        address token,
        address owner,
        uint256 amount,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        IAuthorization(token)
            .receiveWithAuthorization(owner, address(this), amount, validAfter, validBefore, nonce, v, r, s);
        _deposit(token, owner, amount);
    }

    /// @dev The market takes exactly the amount or reverts, so that a token which keeps a part of a transfer is refused.
    function _deposit(address token, address owner, uint256 amount) private {
        token.safeApproveWithRetry(address(MARKET), amount);
        MARKET.deposit(token, owner, amount);
    }
}
