// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {LibCall} from "solady/utils/LibCall.sol";
import {ReentrancyGuard} from "solady/utils/ReentrancyGuard.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";

import {IPayments} from "./interfaces/IPayments.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";
import {Places} from "./libraries/Places.sol";

/// @title Tills and credits, in ether and tokens
/// @dev Tokens are moved with solady's SafeTransferLib: those that return nothing (USDT) work. Money leaves as the last step.
abstract contract Payments is IPayments, ReentrancyGuard {
    /// @inheritdoc IPayments
    IRegistry public immutable REGISTRY;

    /// @inheritdoc IPayments
    mapping(address token => mapping(address account => uint256)) public credits;

    /// @dev One word, at a place of `Places`: a deposit, or a till. A till is what one operator's answers about one model have earned in
    /// one token: the operator's in the high half, the model's in the low one.
    struct Amount {
        uint256 value;
    }

    constructor(IRegistry registry) {
        REGISTRY = registry;
    }

    /// @inheritdoc IPayments
    function collect(address token, bytes32 modelId, address operator)
        public
        returns (uint256 operators, uint256 models)
    {
        (operators, models) = tillOf(token, modelId, operator);
        if (operators == 0 && models == 0) return (0, 0);
        address licensor = REGISTRY.licensorOf(modelId);

        _at(Places.ofTill(token, modelId, operator)).value = 0;
        _credit(token, operator, operators);
        _credit(token, licensor, models);

        emit Collected(token, modelId, operator, operators, licensor, models);
    }

    /// @inheritdoc IPayments
    function collectAndWithdraw(
        address token,
        address account,
        bytes32[] calldata modelIds,
        address[] calldata operators
    ) external returns (uint256 amount) {
        _requireEqual(modelIds.length, operators.length);
        for (uint256 i; i < modelIds.length; ++i) {
            collect(token, modelIds[i], operators[i]);
        }
        return _pay(token, account, account);
    }

    /// @inheritdoc IPayments
    function withdraw(address token, address account) external returns (uint256 amount) {
        return _pay(token, account, account);
    }

    /// @inheritdoc IPayments
    function withdrawTo(address token, address to) external returns (uint256 amount) {
        return _pay(token, msg.sender, to);
    }

    /// @inheritdoc IPayments
    function deposit(address token, address account, uint256 amount) external payable {
        _requireSent(token, amount);
        _at(Places.ofDeposit(token, account)).value += amount;

        emit Deposited(token, account, amount);

        if (token != address(0)) _pull(token, amount);
    }

    /// @inheritdoc IPayments
    function withdrawDeposit(address token, uint256 amount, address to) external returns (uint256 paid) {
        _spend(token, msg.sender, amount);
        _credit(token, msg.sender, amount);

        emit DepositReleased(token, msg.sender, amount);

        return _pay(token, msg.sender, to);
    }

    /// @inheritdoc IPayments
    function tillOf(address token, bytes32 modelId, address operator)
        public
        view
        returns (uint256 operators, uint256 models)
    {
        uint256 till = _at(Places.ofTill(token, modelId, operator)).value;
        return (till >> 128, uint128(till));
    }

    /// @inheritdoc IPayments
    function deposits(address token, address account) external view returns (uint256) {
        return _at(Places.ofDeposit(token, account)).value;
    }

    function _credit(address token, address account, uint256 amount) internal {
        if (amount > 0) credits[token][account] += amount;
    }

    /// @dev Takes from a deposit what the account owes.
    function _spend(address token, address account, uint256 amount) internal {
        Amount storage place = _at(Places.ofDeposit(token, account));
        uint256 held = place.value;
        if (held < amount) revert DepositTooLow(held, amount);
        unchecked {
            place.value = held - amount;
        }
    }

    /// @dev Amounts are parts of fees below 2^96, so that it takes 2^32 of the largest until the lower half runs over.
    function _fill(address token, bytes32 modelId, address operator, uint256 operators, uint256 models) internal {
        _at(Places.ofTill(token, modelId, operator)).value += operators << 128 | models;
    }

    /// @dev Whoever pays in ether sends it, and nobody else sends any.
    function _requireSent(address token, uint256 fee) internal view {
        uint256 inEther = token == address(0) ? fee : 0;
        if (msg.value != inEther) revert FeeNotReceived(address(0), msg.value, inEther);
    }

    /// @dev Takes exactly `amount` of a token from the caller, or reverts. Never nested: a token that calls its sender back could
    /// otherwise let one payment count for two requests.
    function _pull(address token, uint256 amount) internal nonReentrant {
        uint256 before = SafeTransferLib.balanceOf(token, address(this));
        SafeTransferLib.safeTransferFrom(token, msg.sender, address(this), amount);
        uint256 received = SafeTransferLib.balanceOf(token, address(this)) - before;
        if (received != amount) revert FeeNotReceived(token, received, amount);
    }

    function _requireEqual(uint256 items, uint256 others) internal pure {
        if (items != others) revert UnequalLists(items, others);
    }

    function _at(bytes32 place) private pure returns (Amount storage amount) {
        assembly ("memory-safe") {
            amount.slot := place
        }
    }

    function _pay(address token, address account, address to) private returns (uint256 amount) {
        amount = credits[token][account];
        if (amount == 0) return 0;

        credits[token][account] = 0;

        emit Withdrawn(token, account, to, amount);

        if (token == address(0)) {
            (bool paid,,) = LibCall.tryCall(to, amount, gasleft(), 0, "");
            if (!paid) revert TransferFailed(to);
        } else {
            SafeTransferLib.safeTransfer(token, to, amount);
        }
    }
}
