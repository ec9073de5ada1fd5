// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GrantRegistry} from "./GrantRegistry.sol";
import {ILicenseRegistry, License, Role, UseClass} from "./interfaces/ILicenseRegistry.sol";
import {GrantRules} from "./libraries/GrantRules.sol";
import {GrantWord, GrantWords} from "./types/GrantWord.sol";
import {ModelWord} from "./types/ModelWord.sol";
import {Mode, Policy} from "./types/Policy.sol";

/// @title Who may use a model, and by whose grant: what markets ask for each request and each answer
abstract contract LicenseRegistry is GrantRegistry {
    using GrantRules for GrantWord;

    mapping(address licensee => mapping(address hotKey => bool)) private _delegates;
    mapping(address hotKey => address licensee) private _actsFor;

    /// @inheritdoc ILicenseRegistry
    function delegate(address hotKey, bool allowed) external {
        _delegates[msg.sender][hotKey] = allowed;

        emit Delegated(msg.sender, hotKey, allowed);
    }

    /// @inheritdoc ILicenseRegistry
    function actFor(address licensee) external {
        _actsFor[msg.sender] = licensee;

        emit ActingFor(msg.sender, licensee);
    }

    /// @inheritdoc ILicenseRegistry
    function principalOf(address account) public view returns (address) {
        address licensee = _actsFor[account];
        return licensee != address(0) && _delegates[licensee][account] ? licensee : account;
    }

    /// @inheritdoc ILicenseRegistry
    /// @dev As in the two functions below, what is returned is written by hand: every request and every answer asks for it.
    function licenseNow(bytes32 modelId, address account, UseClass useClass, UseClass operatorsUse)
        external
        view
        returns (License memory, uint24, uint16, Mode)
    {
        (uint24 version, Policy policy, uint16 epoch) = _inForce(modelId);
        (GrantWord word, address licensee, address payTo) =
            _licenseOf(modelId, account, Role.REQUESTER, useClass, version, policy, epoch);
        Mode operatorsMode = _modeOf(policy, Role.OPERATOR, operatorsUse);
        assembly ("memory-safe") {
            let told := mload(0x40)
            mstore(told, word)
            mstore(add(told, 0x20), licensee)
            mstore(add(told, 0x40), payTo)
            mstore(add(told, 0x60), version)
            mstore(add(told, 0x80), epoch)
            mstore(add(told, 0xa0), operatorsMode)
            return(told, 0xc0)
        }
    }

    /// @inheritdoc ILicenseRegistry
    function licensesOfOrder(
        bytes32 modelId,
        address requester,
        UseClass requestersUse,
        address operator,
        UseClass operatorsUse
    ) external view returns (GrantWord, address, address, GrantWord, address, address, uint24) {
        (uint24 version, Policy policy, uint16 epoch) = _inForce(modelId);
        (GrantWord word, address licensee, address payTo) =
            _licenseOf(modelId, requester, Role.REQUESTER, requestersUse, version, policy, epoch);
        uint256 told;
        assembly ("memory-safe") {
            told := mload(0x40)
            mstore(0x40, add(told, 0xe0))
            mstore(told, word)
            mstore(add(told, 0x20), licensee)
            mstore(add(told, 0x40), payTo)
            mstore(add(told, 0xc0), version)
        }
        (word, licensee, payTo) = _licenseOf(modelId, operator, Role.OPERATOR, operatorsUse, version, policy, epoch);
        assembly ("memory-safe") {
            mstore(add(told, 0x60), word)
            mstore(add(told, 0x80), licensee)
            mstore(add(told, 0xa0), payTo)
            return(told, 0xe0)
        }
    }

    /// @inheritdoc ILicenseRegistry
    function pinnedLicense(bytes32 modelId, address account, Role role, UseClass useClass, uint24 version, uint16 epoch)
        external
        view
        returns (License memory)
    {
        (GrantWord word, address licensee, address payTo) = _granted(modelId, account, role, useClass, version, epoch);
        assembly ("memory-safe") {
            let told := mload(0x40)
            mstore(told, word)
            mstore(add(told, 0x20), licensee)
            mstore(add(told, 0x40), payTo)
            return(told, 0x60)
        }
    }

    /// @dev The terms in force, their policy, and the epoch; reads one slot unless terms are pending.
    function _inForce(bytes32 modelId) private view returns (uint24 version, Policy policy, uint16 epoch) {
        ModelWord model = _knownWord(modelId);
        (version, policy) = _termsInForce(modelId, model);
        epoch = model.epoch();
    }

    /// @dev What the policy says; reverts where it says CLOSED.
    function _modeOf(Policy policy, Role role, UseClass useClass) private pure returns (Mode mode) {
        mode = policy.mode(role, useClass);
        if (mode.isClosed()) revert UseClosed(role, useClass);
    }

    /// @dev By what an account may use a model now; all zero where the policy is open.
    function _licenseOf(
        bytes32 modelId,
        address account,
        Role role,
        UseClass useClass,
        uint24 version,
        Policy policy,
        uint16 epoch
    ) private view returns (GrantWord word, address licensee, address payTo) {
        if (_modeOf(policy, role, useClass).isGrant()) {
            return _granted(modelId, account, role, useClass, version, epoch);
        }
    }

    /// @dev An account's own grant where it is a plain one that permits the use, else what a closer look finds.
    function _granted(bytes32 modelId, address account, Role role, UseClass useClass, uint24 version, uint16 epoch)
        private
        view
        returns (GrantWord word, address licensee, address payTo)
    {
        word = _slot(modelId, account, _zerosOf(role)).word;
        if (word.suffices(useClass, epoch)) return (word, licensee, payTo);
        return _closely(word, modelId, account, role, useClass, version, epoch);
    }

    /// @dev The license of an account whose own grant is not a plain one that permits the use. Reverts with the reason where it has none.
    function _closely(
        GrantWord own,
        bytes32 modelId,
        address account,
        Role role,
        UseClass useClass,
        uint24 version,
        uint16 epoch
    ) private view returns (GrantWord word, address licensee, address payTo) {
        licensee = own.isUnset() ? principalOf(account) : account;
        (GrantSlot storage slot, GrantSlot storage beside) = _slots(modelId, licensee, role);
        word = slot.word;
        GrantWord waiting = _waiting(slot, beside);
        if (waiting.allows(useClass, version, epoch)) (slot, word) = (beside, waiting);
        else _requireAllowed(word, licensee, account, role, useClass, version, epoch);
        if (word.has(GrantWords.PAYS_OTHER)) payTo = slot.payTo;
        if (licensee == account) licensee = address(0);
    }

    /// @dev Reverts with the reason unless the grant allows the use.
    function _requireAllowed(
        GrantWord word,
        address licensee,
        address account,
        Role role,
        UseClass useClass,
        uint24 version,
        uint16 epoch
    ) private view {
        if (word.has(GrantWords.REVOKED)) revert GrantIsRevoked(licensee, role, word.seq());
        if (!word.permits(useClass)) revert AuthorizationRequired(account, role, useClass);
        if (!word.fits(version)) revert GrantForOtherTerms(licensee, role, word.termsVersion());
        if (block.timestamp < word.notBefore()) revert GrantNotYetValid(licensee, role, word.notBefore());
        if (block.timestamp > word.expiry()) revert GrantExpired(licensee, role, word.expiry());
        if (word.epoch() < epoch) revert GrantOutdated(licensee, role, word.epoch());
    }
}
