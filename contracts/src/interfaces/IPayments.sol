// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IRegistry} from "./IRegistry.sol";

/// @title Tills and credits, in ether and tokens
/// @notice What answers earn stays in a till, one word for an operator, a model and a token, until anyone collects it: then it is
/// credited to the operator and to the model's licensor of that day. What is given back, and a royalty with a payee of its own, is
/// credited at once. Credits are withdrawn. Zero stands for ether.
///
/// Warning: every token stands for itself. One that lies about balances, shrinks them or takes a fee harms those who accept it, and
/// nobody else.
/// Warning: a deposit stands behind no order in particular: its account can take it back, or spend it on others, until an answer is mined.
/// Warning: a credit in a token that refuses its account waits for ever; the account can have it paid elsewhere (`withdrawTo`).
interface IPayments {
    /// @notice A till was emptied into credits: `models` is the royalty, `operators` the rest.
    event Collected(
        address indexed token,
        bytes32 indexed modelId,
        address indexed operator,
        uint256 operators,
        address licensor,
        uint256 models
    );
    /// @notice A deposit has grown.
    event Deposited(address indexed token, address indexed account, uint256 amount);
    /// @notice So much of a deposit is a credit now.
    event DepositReleased(address indexed token, address indexed account, uint256 amount);
    /// @notice An account's credit was paid out.
    event Withdrawn(address indexed token, address indexed account, address to, uint256 amount);

    /// @notice The receiver does not take the money; the credit stays.
    error TransferFailed(address to);
    /// @notice Another amount arrived than the fee. Tokens that take a fee on transfer are not accepted.
    error FeeNotReceived(address token, uint256 received, uint256 fee);

    /// @notice The deposit is smaller than that.
    error DepositTooLow(uint256 held, uint256 amount);

    /// @notice Lists that belong together differ in length.
    error UnequalLists(uint256 items, uint256 others);

    /// @notice Empties a till into the credits of the operator and of whoever is the model's licensor now. Anyone; of an empty till
    /// nothing happens.
    /// @return operators Smallest units, to the operator.
    /// @return models Smallest units, to the licensor.
    function collect(address token, bytes32 modelId, address operator)
        external
        returns (uint256 operators, uint256 models);

    /// @notice Empties several tills, a model and an operator each, and then pays an account its credit: `collect` and `withdraw` in one
    /// transaction. Anyone.
    function collectAndWithdraw(
        address token,
        address account,
        bytes32[] calldata modelIds,
        address[] calldata operators
    ) external returns (uint256 amount);

    /// @notice Pays an account its credit. Anyone may call it; the money goes to the account alone. Without credit nothing happens. A
    /// token that does not move it reverts with solady's `TransferFailed()`.
    function withdraw(address token, address account) external returns (uint256 amount);

    /// @notice Pays the caller's credit to another account.
    function withdrawTo(address token, address to) external returns (uint256 amount);

    /// @notice Pays into an account's deposit, from which its orders are paid; `token` zero: ether, `msg.value` the amount. Anyone.
    function deposit(address token, address account, uint256 amount) external payable;

    /// @notice Takes back from the caller's deposit, and pays it with the caller's credit to `to`.
    function withdrawDeposit(address token, uint256 amount, address to) external returns (uint256 paid);

    /// @notice Smallest units.
    function deposits(address token, address account) external view returns (uint256);

    /// @notice What `withdraw` would pay an account, smallest units.
    function credits(address token, address account) external view returns (uint256);

    /// @notice What `collect` would credit, smallest units: to the operator, and to the model's licensor.
    function tillOf(address token, bytes32 modelId, address operator)
        external
        view
        returns (uint256 operators, uint256 models);

    /// @notice Where it is written who licenses which model.
    function REGISTRY() external view returns (IRegistry);
}
