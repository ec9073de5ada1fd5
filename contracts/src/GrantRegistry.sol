// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EIP712} from "solady/utils/EIP712.sol";

import {Model} from "./ModelRegistry.sol";
import {TermsRegistry} from "./TermsRegistry.sol";
import {Grant, ILicenseRegistry, Limits, Role, UNLIMITED} from "./interfaces/ILicenseRegistry.sol";
import {GrantRules} from "./libraries/GrantRules.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {GrantWord, GrantWords} from "./types/GrantWord.sol";

/// @title Grants of models: asked for, signed, kept, ended
/// @dev One word answers for a plain grant; whatever else a grant says sets a flag of that word and costs a closer look.
/// Grants are EIP-712 structs in the domain ("Themis", "1", chain, this contract); `eip712Domain` (EIP-5267).
abstract contract GrantRegistry is ILicenseRegistry, TermsRegistry, EIP712 {
    using GrantRules for GrantWord;

    /// @dev What is kept of a grant: the first slot is read by every check, the others where its flags say so.
    struct GrantSlot {
        GrantWord word;
        address payTo;
        bytes32 digest;
        address market;
        uint32 quota;
        uint32 dailyRate;
        address priceToken;
        uint96 priceFloor;
    }

    /// @notice The EIP-712 type of a grant.
    bytes32 public constant GRANT_TYPEHASH = keccak256(
        "Grant(bytes32 modelId,address licensor,address licensee,uint8 role,uint8 classes,uint24 termsVersion,uint40 notBefore,uint40 expiry,uint32 quota,uint32 dailyRate,address market,uint16 royaltyBps,address priceToken,uint96 priceFloor,address payTo,uint16 epoch,uint32 seq,uint256 nonce)"
    );

    /// @notice The largest royalty of one grant, in basis points of the fee: two grants take the whole fee at most.
    uint16 public constant MAX_ROYALTY_BPS = 5000;

    /// @dev A bit for every use class.
    uint8 private constant ALL_CLASSES = 7;

    mapping(address licensor => mapping(uint256 index => uint256 bits)) private _canceled;

    /// @inheritdoc ILicenseRegistry
    function activate(Grant calldata grant, bytes calldata signature) external {
        (GrantSlot storage slot, GrantSlot storage beside) = _slots(grant.modelId, grant.licensee, grant.role);
        (GrantWord current, GrantWord waiting) = (slot.word, _waiting(slot, beside));
        bytes32 digest = hashGrant(grant);
        if (current.isVoucher(grant.seq, digest)) return;
        bool waits = waiting.isVoucher(grant.seq, digest);
        Model storage model = _knownModel(grant.modelId);
        bool early = _isEarly(grant, current, model);
        if (waits && early) return;
        if (waits) {
            _requireTimely(grant, model);
        } else {
            _requireNext(grant, current, waiting, model.epoch);
            _requireWellFormed(grant, model);
            if (isCanceled(grant.licensor, grant.nonce)) revert VoucherCanceled(grant.licensor, grant.nonce);
            Signatures.requireValid(grant.licensor, digest, signature);
        }

        if (early) {
            if (!waiting.isUnset()) _promote(slot, beside, model);
            _keep(beside, grant, digest);
            slot.word = slot.word.followed();
            emit GrantWaits(grant.modelId, grant.licensee, digest, grant);
        } else {
            _keep(slot, grant, digest);
            emit GrantActivated(grant.modelId, grant.licensee, digest, grant);
        }
    }

    /// @inheritdoc ILicenseRegistry
    function revoke(bytes32 modelId, address licensee, Role role, uint32 seq) external {
        uint16 epoch = _requireLicensor(modelId).epoch;
        (GrantSlot storage slot, GrantSlot storage beside) = _slots(modelId, licensee, role);
        uint32 latest = _latest(slot.word, _waiting(slot, beside), epoch);
        if (seq == 0 || seq < latest) revert StaleGrant(seq, latest);

        slot.word = GrantRules.revoked(seq, epoch);

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
    function requestAuthorization(
        bytes32 modelId,
        Role role,
        uint8 classes,
        string calldata purpose,
        string calldata uri
    ) external {
        _knownModel(modelId);
        _requireClasses(classes);

        emit AuthorizationRequested(modelId, msg.sender, role, classes, purpose, uri);
    }

    /// @inheritdoc ILicenseRegistry
    function refuseAuthorization(bytes32 modelId, address licensee, Role role, string calldata reason) external {
        _requireLicensor(modelId);

        emit AuthorizationRefused(modelId, licensee, role, reason);
    }

    /// @inheritdoc ILicenseRegistry
    function grantsOf(bytes32 modelId, address licensee, Role role)
        external
        view
        returns (GrantWord current, GrantWord waiting)
    {
        (GrantSlot storage slot, GrantSlot storage beside) = _slots(modelId, licensee, role);
        return (slot.word, _waiting(slot, beside));
    }

    /// @inheritdoc ILicenseRegistry
    function limitsOf(bytes32 modelId, address licensee, Role role, uint32 seq)
        external
        view
        returns (Limits memory limits)
    {
        (GrantSlot storage slot, GrantSlot storage beside) = _slots(modelId, licensee, role);
        if (_waiting(slot, beside).seq() == seq) slot = beside;
        GrantWord word = slot.word;
        if (word.seq() != seq || word.isUnset() || word.has(GrantWords.REVOKED)) return limits;
        bool counted = word.has(GrantWords.COUNTED);
        (limits.quota, limits.dailyRate) = counted ? (slot.quota, slot.dailyRate) : (UNLIMITED, UNLIMITED);
        if (counted) (limits.digest, limits.market) = (slot.digest, slot.market);
        if (word.has(GrantWords.FLOORED)) (limits.priceToken, limits.priceFloor) = (slot.priceToken, slot.priceFloor);
        if (word.has(GrantWords.PAYS_OTHER)) limits.payTo = slot.payTo;
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
    function hashGrant(Grant calldata grant) public view returns (bytes32) {
        return _hashTypedData(keccak256(abi.encode(GRANT_TYPEHASH, grant)));
    }

    function _domainNameAndVersion() internal pure override returns (string memory, string memory) {
        return ("Themis", "1");
    }

    /// @dev Whether a voucher has to wait: it is not valid yet, or bound to terms that the grant in force is not bound to; that grant
    /// has not ended; and it is not the licensee who activates the voucher.
    function _isEarly(Grant calldata grant, GrantWord current, Model storage model) private view returns (bool) {
        bool inForce = current.classes() != 0 && current.epoch() == model.epoch && block.timestamp <= current.expiry();
        if (!inForce || msg.sender == grant.licensee) return false;
        bool bound = grant.termsVersion != 0 && grant.termsVersion != current.termsVersion();
        return bound || grant.notBefore > block.timestamp;
    }

    /// @dev The grant that waits takes the place of the one in force if it holds. One that has ended only makes room.
    function _promote(GrantSlot storage slot, GrantSlot storage beside, Model storage model) private {
        GrantWord waiting = beside.word;
        if (block.timestamp > waiting.expiry()) return;
        uint24 bound = waiting.termsVersion();
        bool holds = block.timestamp >= waiting.notBefore() && (bound == 0 || _isInForce(model, bound));
        if (!holds) revert AnotherWaits(waiting.seq());
        slot.word = waiting;
        (slot.payTo, slot.digest) = (beside.payTo, beside.digest);
        (slot.market, slot.quota, slot.dailyRate) = (beside.market, beside.quota, beside.dailyRate);
        (slot.priceToken, slot.priceFloor) = (beside.priceToken, beside.priceFloor);
    }

    /// @dev Whether those are the terms in force. False where there are none.
    function _isInForce(Model storage model, uint24 version) private view returns (bool) {
        if (model.version == 0) return false;
        bool pending = model.effectiveAt > block.timestamp;
        return version == model.version - (pending ? 1 : 0);
    }

    /// @dev Two grants: the one in force, and the one that waits if that is flagged so.
    function _slots(bytes32 modelId, address licensee, Role role)
        internal
        pure
        returns (GrantSlot storage slot, GrantSlot storage beside)
    {
        uint256 zeros = _zerosOf(role);
        return (_slot(modelId, licensee, zeros), _slot(modelId, licensee, zeros + 2));
    }

    /// @dev Its number, without the check of an enum's bounds.
    function _zerosOf(Role role) internal pure returns (uint256 zeros) {
        assembly ("memory-safe") {
            zeros := role
        }
    }

    /// @dev At the hash of licensee and model id, 52 bytes, behind zero bytes: one where the role is the operator's, two more for the
    /// grant that waits. Slots of mappings are hashes of 64 bytes.
    function _slot(bytes32 modelId, address licensee, uint256 zeros) internal pure returns (GrantSlot storage slot) {
        assembly ("memory-safe") {
            mstore(0x00, shr(96, shl(96, licensee)))
            mstore(0x20, modelId)
            slot.slot := keccak256(sub(0x0c, zeros), add(0x34, zeros))
        }
    }

    /// @dev Zero where none waits.
    function _waiting(GrantSlot storage slot, GrantSlot storage beside) internal view returns (GrantWord word) {
        if (slot.word.has(GrantWords.FOLLOWED)) word = beside.word;
    }

    /// @dev The highest number that was used in the epoch.
    function _latest(GrantWord current, GrantWord waiting, uint16 epoch) private pure returns (uint32 seq) {
        if (current.epoch() == epoch) seq = current.seq();
        if (waiting.epoch() == epoch && waiting.seq() > seq) seq = waiting.seq();
    }

    /// @dev Slots that the flags say nothing of are left as they are: nobody reads them.
    function _keep(GrantSlot storage slot, Grant calldata grant, bytes32 digest) private {
        uint8 flags;
        if (grant.market != address(0)) {
            flags |= GrantWords.COUNTED;
            slot.digest = digest;
            (slot.market, slot.quota, slot.dailyRate) = (grant.market, grant.quota, grant.dailyRate);
        }
        if (grant.priceFloor != 0) {
            flags |= GrantWords.FLOORED;
            (slot.priceToken, slot.priceFloor) = (grant.priceToken, grant.priceFloor);
        }
        if (grant.payTo != address(0)) {
            flags |= GrantWords.PAYS_OTHER;
            slot.payTo = grant.payTo;
        }
        if (grant.termsVersion != 0) flags |= GrantWords.BOUND;
        if (grant.notBefore > block.timestamp) flags |= GrantWords.LATER;
        slot.word = GrantRules.pack(grant, flags, digest);
    }

    function _requireNext(Grant calldata grant, GrantWord current, GrantWord waiting, uint16 epoch) private pure {
        uint32 latest = _latest(current, waiting, epoch);
        if (grant.seq > latest) return;
        if (current.has(GrantWords.REVOKED)) revert GrantIsRevoked(grant.licensee, grant.role, latest);
        revert StaleGrant(grant.seq, latest);
    }

    function _requireWellFormed(Grant calldata grant, Model storage model) private view {
        if (grant.licensor != model.licensor) revert NotLicensor(grant.modelId, grant.licensor, model.licensor);
        _requireClasses(grant.classes);
        if (grant.notBefore > grant.expiry) revert EndsBeforeStart(grant.notBefore, grant.expiry);
        if (grant.royaltyBps > MAX_ROYALTY_BPS) revert RoyaltyTooHigh(grant.royaltyBps, MAX_ROYALTY_BPS);
        if (grant.role == Role.OPERATOR && grant.priceFloor != 0) revert FloorForOperator(grant.priceFloor);
        bool limited = grant.quota != UNLIMITED || grant.dailyRate != UNLIMITED;
        if (limited != (grant.market != address(0))) revert WrongMarket(grant.market);
        _requireTimely(grant, model);
    }

    /// @dev A voucher must not have ended, nor be of another epoch, whether it waits already or not.
    function _requireTimely(Grant calldata grant, Model storage model) private view {
        if (block.timestamp > grant.expiry) {
            revert GrantExpired(grant.licensee, grant.role, grant.expiry);
        }
        if (grant.epoch != model.epoch) {
            revert GrantOutdated(grant.licensee, grant.role, grant.epoch);
        }
    }

    function _requireClasses(uint8 classes) private pure {
        if (classes == 0 || classes > ALL_CLASSES) revert InvalidClasses(classes);
    }
}
