// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {LibCall} from "solady/utils/LibCall.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";

import {ICommittee} from "../interfaces/ICommittee.sol";
import {IInferenceOracle} from "../interfaces/IInferenceOracle.sol";

/// @title A committee's money
/// @dev What is here belongs to stakes, to credits (both are `owed`), or has been earned and is not split yet. An answer adds one word for
/// its whole group of signers; the division is made when somebody wants it. Money leaves as the last step.
abstract contract Treasury is ICommittee {
    /// @dev Whoever forfeits ether for ever.
    address private constant NOBODY = address(0);

    address internal constant ETHER = address(0);

    /// @inheritdoc ICommittee
    IInferenceOracle public immutable ORACLE;

    /// @inheritdoc ICommittee
    mapping(address token => mapping(address account => uint256)) public credits;

    /// @inheritdoc ICommittee
    mapping(address token => uint256) public owed;

    mapping(bytes32 group => uint256) private _earned;

    constructor(IInferenceOracle oracle) {
        ORACLE = oracle;
    }

    /// @dev What anybody else sent could not be told from pay.
    receive() external payable {
        if (msg.sender != address(ORACLE)) revert UnexpectedEther(msg.sender);
    }

    /// @inheritdoc ICommittee
    function collect(address token, bytes32[] calldata modelIds) public returns (uint256 amount) {
        address[] memory operators = new address[](modelIds.length);
        for (uint256 i; i < modelIds.length; ++i) {
            operators[i] = address(this);
        }
        return ORACLE.collectAndWithdraw(token, address(this), modelIds, operators);
    }

    /// @inheritdoc ICommittee
    function split(address token, address[] calldata signers) public returns (uint256 amount) {
        bytes32 group = _group(token, signers);
        amount = _earned[group];
        if (amount == 0) return 0;
        uint256 held = token == ETHER ? address(this).balance : SafeTransferLib.balanceOf(token, address(this));
        uint256 available = held < owed[token] ? 0 : held - owed[token];
        if (amount > available) revert NotCollected(amount, available);
        uint256 share = amount / signers.length;
        uint256 rest = amount % signers.length;

        _earned[group] = 0;
        owed[token] += amount;
        for (uint256 i; i < signers.length; ++i) {
            credits[token][_ownerOf(signers[i])] += i == 0 ? share + rest : share;
        }

        emit Split(token, signers, share, rest);
    }

    /// @inheritdoc ICommittee
    function withdraw(address token, address account) public returns (uint256 amount) {
        return _pay(token, account, account);
    }

    /// @inheritdoc ICommittee
    function withdrawTo(address token, address to) external returns (uint256 amount) {
        return _pay(token, msg.sender, to);
    }

    /// @inheritdoc ICommittee
    function claim(address token, bytes32[] calldata modelIds, address[][] calldata groups, address account)
        external
        returns (uint256 amount)
    {
        collect(token, modelIds);
        for (uint256 i; i < groups.length; ++i) {
            split(token, groups[i]);
        }
        return withdraw(token, account);
    }

    /// @inheritdoc ICommittee
    function earnedBy(address token, address[] calldata signers) external view returns (uint256) {
        return _earned[_group(token, signers)];
    }

    function _earn(address token, address[] memory signers, uint256 amount) internal {
        if (amount > 0) _earned[_group(token, signers)] += amount;
    }

    /// @dev Divides what a member forfeits of its stake, which is owed already.
    function _forfeit(uint256 amount, address reporter, address requester) internal {
        uint256 reporters = amount * 45 / 100;
        uint256 requesters = amount * 5 / 100;
        uint256 burnt = amount - reporters - requesters;

        credits[ETHER][reporter] += reporters;
        credits[ETHER][requester] += requesters;
        owed[ETHER] -= burnt;

        SafeTransferLib.safeTransferETH(NOBODY, burnt);
    }

    /// @dev Who is paid for a member.
    function _ownerOf(address member) internal view virtual returns (address);

    function _group(address token, address[] memory signers) private pure returns (bytes32) {
        return keccak256(abi.encode(token, signers));
    }

    function _pay(address token, address account, address to) private returns (uint256 amount) {
        amount = credits[token][account];
        if (amount == 0) return 0;

        credits[token][account] = 0;
        owed[token] -= amount;

        emit Withdrawn(token, account, to, amount);

        if (token != ETHER) {
            SafeTransferLib.safeTransfer(token, to, amount);
        } else {
            (bool paid,,) = LibCall.tryCall(to, amount, gasleft(), 0, "");
            if (!paid) revert TransferFailed(to);
        }
    }
}
