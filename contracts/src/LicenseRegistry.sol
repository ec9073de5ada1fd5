// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EIP712} from "solady/utils/EIP712.sol";

import {Model} from "./ModelRegistry.sol";
import {TermsRegistry} from "./TermsRegistry.sol";
import {Grant, GrantState, ILicenseRegistry, Role, UseClass} from "./interfaces/ILicenseRegistry.sol";
import {GrantWord, GrantWords} from "./libraries/GrantWords.sol";
import {Mode, Policy} from "./libraries/Policies.sol";
import {Signatures} from "./libraries/Signatures.sol";

/// @title Grants that lift what terms leave to an authorization
/// @dev The EIP-712 domain is {name "Themis", version "1", chainId, verifyingContract}; see `eip712Domain` (EIP-5267).
abstract contract LicenseRegistry is ILicenseRegistry, TermsRegistry, EIP712 {
    /// @dev What is kept of a grant: the first slot is read by every check, the others where its flags say so.
    struct Kept {
        GrantWord word;
        address payTo;
        uint32 dailyRate;
        uint32 usedToday;
        uint32 day; // of `usedToday`, days since the epoch
        address priceToken;
        uint96 priceFloor;
    }

    /// @notice The EIP-712 type of a grant.
    bytes32 public constant GRANT_TYPEHASH = keccak256(
        "Grant(bytes32 modelId,address licensor,address licensee,uint8 role,uint8 classes,uint24 termsVersion,uint40 notBefore,uint40 expiry,uint32 quota,uint32 dailyRate,uint16 royaltyBps,address priceToken,uint96 priceFloor,address payTo,uint16 epoch,uint32 seq,uint256 nonce)"
    );

    /// @notice The largest royalty of one grant, in basis points of the fee: two grants take the whole fee at most.
    uint16 public constant MAX_ROYALTY_BPS = 5000;

    /// @dev A bit for every use class.
    uint8 private constant ALL_CLASSES = 7;

    uint32 private constant UNLIMITED = type(uint32).max;

    mapping(address licensor => mapping(uint256 index => uint256 bits)) private _canceled;
    mapping(address licensee => mapping(address hotKey => bool)) private _delegates;
    mapping(address hotKey => address licensee) private _actsFor;

    /// @inheritdoc ILicenseRegistry
    function activate(Grant calldata grant, bytes calldata signature) external {
        _activate(grant, signature);
    }

    /// @inheritdoc ILicenseRegistry
    function revoke(bytes32 modelId, address licensee, Role role, uint32 seq) external {
        _requireLicensor(modelId);
        Kept storage kept = _kept(modelId, licensee, role);
        uint32 current = kept.word.seq();
        if (seq == 0 || seq < current) revert StaleGrant(seq, current);

        kept.word = GrantWords.revoked(seq);

        emit GrantRevoked(modelId, licensee, role, seq);
    }

    /// @inheritdoc ILicenseRegistry
    function raiseEpoch(bytes32 modelId) external returns (uint16 epoch) {
        Model storage model = _requireLicensor(modelId);

        epoch = model.epoch + 1;
        model.epoch = epoch;

        emit EpochRaised(modelId, epoch);
    }

    /// @inheritdoc ILicenseRegistry
    function cancel(uint256 nonce) external {
        _canceled[msg.sender][nonce >> 8] |= 1 << (nonce & 255);

        emit NonceCanceled(msg.sender, nonce);
    }

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
    function requestAuthorization(
        bytes32 modelId,
        Role role,
        uint8 classes,
        string calldata purpose,
        string calldata uri
    ) external {
        _knownModel(modelId);
        if (classes == 0 || classes > ALL_CLASSES) revert InvalidGrant();

        emit AuthorizationRequested(modelId, msg.sender, role, classes, purpose, uri);
    }

    /// @inheritdoc ILicenseRegistry
    function refuseAuthorization(bytes32 modelId, address licensee, Role role, string calldata reason) external {
        _requireLicensor(modelId);

        emit AuthorizationRefused(modelId, licensee, role, reason);
    }

    /// @inheritdoc ILicenseRegistry
    function grantOf(bytes32 modelId, address licensee, Role role) external view returns (GrantState memory) {
        Kept storage kept = _kept(modelId, licensee, role);
        GrantWord word = kept.word;
        return GrantState({
            seq: word.seq(),
            revoked: word.has(GrantWords.REVOKED),
            classes: word.classes(),
            termsVersion: word.termsVersion(),
            notBefore: word.notBefore(),
            expiry: word.expiry(),
            quotaLeft: word.quotaLeft(),
            dailyRate: word.has(GrantWords.RATED) ? kept.dailyRate : UNLIMITED,
            usedToday: word.has(GrantWords.RATED) ? _usedToday(kept) : 0,
            royaltyBps: word.royaltyBps(),
            priceToken: word.has(GrantWords.FLOORED) ? kept.priceToken : address(0),
            priceFloor: word.has(GrantWords.FLOORED) ? kept.priceFloor : 0,
            payTo: word.has(GrantWords.PAYS_OTHER) ? kept.payTo : address(0),
            epoch: word.epoch()
        });
    }

    /// @inheritdoc ILicenseRegistry
    function isCanceled(address licensor, uint256 nonce) public view returns (bool) {
        return _canceled[licensor][nonce >> 8] >> (nonce & 255) & 1 == 1;
    }

    /// @inheritdoc ILicenseRegistry
    function epochOf(bytes32 modelId) external view returns (uint16) {
        return _models[modelId].epoch;
    }

    /// @inheritdoc ILicenseRegistry
    function principalOf(address account) public view returns (address) {
        address licensee = _actsFor[account];
        return licensee != address(0) && _delegates[licensee][account] ? licensee : account;
    }

    /// @inheritdoc ILicenseRegistry
    function checkLicense(bytes32 modelId, uint24 version, address account, Role role, UseClass useClass)
        external
        view
        returns (uint16 royaltyBps)
    {
        Model storage model = _knownModel(modelId);
        Mode mode = _modeOf(modelId, version, _policyOf(modelId, model, version), role, useClass);
        if (mode == Mode.OPEN) return 0;
        (, GrantWord word) = _valid(model.epoch, modelId, version, account, role, useClass);
        return word.royaltyBps();
    }

    /// @inheritdoc ILicenseRegistry
    function checkUse(bytes32 modelId, address account, Role role, UseClass useClass, address token, uint96 fee)
        external
        view
        returns (uint16 royaltyBps)
    {
        Model storage model = _knownModel(modelId);
        (uint24 version, Policy policy) = _termsInForce(modelId, model);
        if (_modeOf(modelId, version, policy, role, useClass) == Mode.OPEN) return 0;
        (address licensee, GrantWord word) = _valid(model.epoch, modelId, version, account, role, useClass);
        _requireUse(_kept(modelId, licensee, role), word, modelId, licensee, role, token, fee);
        return word.royaltyBps();
    }

    /// @inheritdoc ILicenseRegistry
    function hashGrant(Grant calldata grant) public view returns (bytes32) {
        return _hashTypedData(keccak256(abi.encode(GRANT_TYPEHASH, grant)));
    }

    function _activate(Grant calldata grant, bytes calldata signature) internal {
        Kept storage kept = _kept(grant.modelId, grant.licensee, grant.role);
        GrantWord current = kept.word;
        bytes32 digest = hashGrant(grant);
        if (grant.seq <= current.seq()) {
            if (current.has(GrantWords.REVOKED)) {
                revert GrantIsRevoked(grant.modelId, grant.licensee, grant.role, current.seq());
            }
            if (grant.seq == current.seq() && current.isVoucher(digest)) return;
            revert StaleGrant(grant.seq, current.seq());
        }
        _requireWellFormed(grant);
        if (isCanceled(grant.licensor, grant.nonce)) revert VoucherCanceled(grant.licensor, grant.nonce);
        Signatures.requireValid(grant.licensor, digest, signature);

        _keep(kept, grant, digest);

        emit GrantActivated(grant.modelId, grant.licensee, digest, grant);
    }

    /// @dev What the policy of `version` says; reverts where it says CLOSED.
    function _modeOf(bytes32 modelId, uint24 version, Policy policy, Role role, UseClass useClass)
        internal
        pure
        returns (Mode mode)
    {
        mode = policy.mode(role, useClass);
        if (mode == Mode.CLOSED) revert UseClosed(modelId, version, role, useClass);
    }

    /// @dev The caller's own grant, and whether it is a plain one that permits the use: one read and one comparison.
    function _ownGrant(bytes32 modelId, Role role, UseClass useClass, uint16 epoch)
        internal
        view
        returns (GrantWord word, bool enough)
    {
        word = _kept(modelId, msg.sender, role).word;
        enough = word.suffices(useClass, epoch);
    }

    /// @dev Makes one use of a grant whose word alone does not suffice: one with limits, or of the licensee that the account acts
    /// for. Reverts with the reason where it cannot be made.
    /// @return licensee Whose grant it is; zero: the account's own.
    /// @return word The grant before this use.
    function _useLimited(
        bytes32 modelId,
        uint16 epoch,
        uint24 version,
        address account,
        Role role,
        UseClass useClass,
        address token,
        uint96 fee
    ) internal returns (address licensee, GrantWord word) {
        (licensee, word) = _valid(epoch, modelId, version, account, role, useClass);
        Kept storage kept = _kept(modelId, licensee, role);
        _requireUse(kept, word, modelId, licensee, role, token, fee);
        if (word.has(GrantWords.METERED)) kept.word = word.used();
        if (word.has(GrantWords.RATED)) (kept.usedToday, kept.day) = (_usedToday(kept) + 1, _today());
        if (licensee == account) licensee = address(0);
    }

    /// @dev Who receives the royalty of a grant, if it has any.
    function _payeeOf(GrantWord word, bytes32 modelId, address licensee, Role role) internal view returns (address) {
        if (word.royaltyBps() == 0) return address(0);
        return word.has(GrantWords.PAYS_OTHER) ? _kept(modelId, licensee, role).payTo : _models[modelId].licensor;
    }

    /// @dev Gives a use back to the quota it was taken from. The day's rate is not given back.
    function _release(bytes32 modelId, address licensee, Role role, uint32 seq) internal {
        Kept storage kept = _kept(modelId, licensee, role);
        GrantWord word = kept.word;
        if (word.seq() == seq && word.has(GrantWords.METERED)) kept.word = word.released();
    }

    function _domainNameAndVersion() internal pure override returns (string memory, string memory) {
        return ("Themis", "1");
    }

    /// @dev The grant by which `account` may use the model, whatever its quota, rate and price. Reverts with the reason.
    function _valid(uint16 epoch, bytes32 modelId, uint24 version, address account, Role role, UseClass useClass)
        private
        view
        returns (address licensee, GrantWord word)
    {
        licensee = account;
        word = _kept(modelId, account, role).word;
        if (word.isUnset()) {
            licensee = principalOf(account);
            word = _kept(modelId, licensee, role).word;
        }
        if (word.has(GrantWords.REVOKED)) revert GrantIsRevoked(modelId, licensee, role, word.seq());
        if (!word.permits(useClass)) revert AuthorizationRequired(modelId, version, account, role, useClass);
        if (word.termsVersion() != 0 && word.termsVersion() != version) {
            revert GrantForOtherTerms(modelId, licensee, role, word.termsVersion(), version);
        }
        if (block.timestamp < word.notBefore()) revert GrantNotYetValid(modelId, licensee, role, word.notBefore());
        if (block.timestamp > word.expiry()) revert GrantExpired(modelId, licensee, role, word.expiry());
        if (word.epoch() < epoch) revert GrantOutdated(modelId, licensee, role, word.epoch(), epoch);
    }

    function _requireUse(
        Kept storage kept,
        GrantWord word,
        bytes32 modelId,
        address licensee,
        Role role,
        address token,
        uint96 fee
    ) private view {
        if (word.has(GrantWords.METERED) && word.quotaLeft() == 0) {
            revert QuotaExhausted(modelId, licensee, role);
        }
        if (word.has(GrantWords.RATED) && _usedToday(kept) >= kept.dailyRate) {
            revert DailyRateReached(modelId, licensee, role, kept.dailyRate);
        }
        if (word.has(GrantWords.FLOORED) && (kept.priceToken != token || fee < kept.priceFloor)) {
            revert PriceBelowFloor(modelId, licensee, kept.priceToken, kept.priceFloor);
        }
    }

    /// @dev At the hash of licensee and model id, 52 bytes, behind a zero byte where the role is the operator's. Slots of mappings
    /// are hashes of 64 bytes.
    function _kept(bytes32 modelId, address licensee, Role role) private pure returns (Kept storage kept) {
        assembly ("memory-safe") {
            mstore(0x00, licensee)
            mstore(0x20, modelId)
            kept.slot := keccak256(sub(0x0c, role), add(0x34, role))
        }
    }

    /// @dev Slots that the flags say nothing of are left as they are: nobody reads them.
    function _keep(Kept storage kept, Grant calldata grant, bytes32 digest) private {
        uint8 flags;
        if (grant.quota != UNLIMITED) flags |= GrantWords.METERED;
        if (grant.dailyRate != UNLIMITED) {
            flags |= GrantWords.RATED;
            (kept.dailyRate, kept.usedToday, kept.day) = (grant.dailyRate, 0, _today());
        }
        if (grant.priceFloor != 0) {
            flags |= GrantWords.FLOORED;
            (kept.priceToken, kept.priceFloor) = (grant.priceToken, grant.priceFloor);
        }
        if (grant.payTo != address(0)) {
            flags |= GrantWords.PAYS_OTHER;
            kept.payTo = grant.payTo;
        }
        if (grant.termsVersion != 0) flags |= GrantWords.BOUND;
        if (grant.notBefore > block.timestamp) flags |= GrantWords.LATER;
        kept.word = GrantWords.pack(
            grant.expiry,
            grant.notBefore,
            grant.quota,
            grant.seq,
            grant.termsVersion,
            grant.royaltyBps,
            grant.epoch,
            grant.classes,
            flags,
            digest
        );
    }

    function _usedToday(Kept storage kept) private view returns (uint32) {
        return kept.day == _today() ? kept.usedToday : 0;
    }

    function _today() private view returns (uint32) {
        return uint32(block.timestamp / 1 days);
    }

    function _requireWellFormed(Grant calldata grant) private view {
        Model storage model = _knownModel(grant.modelId);
        if (grant.licensor != model.licensor) revert NotLicensor(grant.modelId, grant.licensor, model.licensor);
        if (grant.classes == 0 || grant.classes > ALL_CLASSES) revert InvalidGrant();
        if (grant.notBefore > grant.expiry || grant.royaltyBps > MAX_ROYALTY_BPS) revert InvalidGrant();
        if (grant.role == Role.OPERATOR && grant.priceFloor != 0) revert InvalidGrant();
        if (block.timestamp > grant.expiry) {
            revert GrantExpired(grant.modelId, grant.licensee, grant.role, grant.expiry);
        }
        if (grant.epoch != model.epoch) {
            revert GrantOutdated(grant.modelId, grant.licensee, grant.role, grant.epoch, model.epoch);
        }
    }
}
