// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {GrantWord} from "../types/GrantWord.sol";
import {Mode} from "../types/Policy.sol";

/// @dev A quota or daily rate of any number.
uint32 constant UNLIMITED = type(uint32).max;

/// @notice What a model is used for. The requester declares it; a false declaration breaks the license.
enum UseClass {
    PERSONAL,
    RESEARCH,
    COMMERCIAL
}

/// @notice The side of a request an account stands on.
enum Role {
    REQUESTER,
    OPERATOR
}

/// @notice An authorization by a licensor: an EIP-712 voucher that anyone may activate, and only the licensee may use.
struct Grant {
    bytes32 modelId;
    address licensor; // binds the signature of a contract wallet to one wallet
    address licensee;
    Role role;
    uint8 classes; // bit set: 1 << UseClass
    uint24 termsVersion; // the only version it lifts; 0: every version
    uint40 notBefore; // seconds, first moment of validity
    uint40 expiry; // seconds, last moment of validity
    uint32 quota; // uses; `UNLIMITED`: any number
    uint32 dailyRate; // uses in a day (UTC); `UNLIMITED`: any number
    address market; // the only contract that may use it, and counts its uses; zero where neither number is limited
    uint16 royaltyBps; // of the fee, paid at settlement
    address priceToken; // the token `priceFloor` is in; zero: ether
    uint96 priceFloor; // least fee of a request, smallest units; 0: none. Requesters only
    address payTo; // receives the royalty; zero: whoever is the licensor when it is collected
    uint16 epoch; // the model's when signed; once the licensor raises it, void for all that is asked later
    uint32 seq; // increasing per (modelId, licensee, role) and epoch; a lower one never overwrites a higher one
    uint256 nonce; // unordered; a licensor can cancel it before the voucher is used
}

/// @notice Of a grant: what its word does not say. Zero or `UNLIMITED` where nothing is limited.
struct Limits {
    bytes32 digest; // what the licensor signed; markets count by it
    address market;
    uint32 quota;
    uint32 dailyRate;
    address priceToken;
    uint96 priceFloor;
    address payTo;
}

/// @notice By what an account may use a model.
struct License {
    GrantWord word; // zero where the policy is open
    address licensee; // whose grant it is; zero: the account's own
    address payTo; // receives the royalty; zero: the model's licensor
}

/// @title Grants: who may use a model where its terms ask for an authorization
/// @notice Fails closed: an unknown model, a model without terms and everything a policy leaves unset may not be used.
/// A voucher for later (not valid yet, or bound to terms that the grant in force is not bound to) waits beside the grant in force and takes its place for what
/// it permits; only its licensee may let it end that grant early.
/// A refusal says whose grant it is about, in which role, and what of it decided: three words at most, and no model, which whoever asked
/// knows.
///
/// Warning: an id names its registrant. The same weights, registered by a stranger under open terms, are another model; operators
/// choose what they serve.
/// Warning: a licensor who takes a model back from a successor has its unused vouchers back, unless the epoch was raised between.
interface ILicenseRegistry {
    /// @notice A voucher is in force.
    event GrantActivated(bytes32 indexed modelId, address indexed licensee, bytes32 grantHash, Grant grant);
    /// @notice A voucher holds later: it waits beside the grant in force.
    event GrantWaits(bytes32 indexed modelId, address indexed licensee, bytes32 grantHash, Grant grant);
    /// @notice The licensee's vouchers up to `seq` are void.
    event GrantRevoked(bytes32 indexed modelId, address indexed licensee, Role role, uint32 seq);
    /// @notice Every grant of an earlier epoch is void for requests made from now on.
    event EpochRaised(bytes32 indexed modelId, uint16 epoch);
    /// @notice A voucher that was never used cannot be activated any more.
    event NonceCanceled(address indexed licensor, uint256 nonce);
    /// @notice `hotKey` may use the licensee's grants, or no longer.
    event Delegated(address indexed licensee, address indexed hotKey, bool allowed);
    /// @notice A hot key says whose grants it uses; zero: its own alone.
    event ActingFor(address indexed hotKey, address indexed licensee);
    /// @notice Somebody asks the licensor for an authorization.
    event AuthorizationRequested(
        bytes32 indexed modelId, address indexed licensee, Role role, uint8 classes, string purpose, string uri
    );
    /// @notice The licensor says no, and why.
    event AuthorizationRefused(bytes32 indexed modelId, address indexed licensee, Role role, string reason);

    /// @notice The terms forbid this use; no grant lifts that.
    error UseClosed(Role role, UseClass useClass);
    /// @notice The terms ask for an authorization the account does not have.
    error AuthorizationRequired(address licensee, Role role, UseClass useClass);
    /// @notice The account's grant is for another version of the terms.
    error GrantForOtherTerms(address licensee, Role role, uint24 termsVersion);
    /// @notice The account's grant starts later.
    error GrantNotYetValid(address licensee, Role role, uint40 notBefore);
    /// @notice The account's grant, or the voucher, has ended.
    error GrantExpired(address licensee, Role role, uint40 expiry);
    /// @notice The licensor has ended the account's grant.
    error GrantIsRevoked(address licensee, Role role, uint32 seq);
    /// @notice The licensor has voided every grant of that epoch.
    error GrantOutdated(address licensee, Role role, uint16 epoch);
    /// @notice The grant's uses are reserved or spent.
    error QuotaExhausted(address licensee, Role role);
    /// @notice The grant's uses of today are spent.
    error DailyRateReached(address licensee, Role role, uint32 dailyRate);
    /// @notice The grant asks for a higher fee, or for one in `token`.
    error PriceBelowFloor(address licensee, address token, uint96 priceFloor);
    /// @notice A grant with a higher sequence number was activated.
    error StaleGrant(uint32 seq, uint32 current);
    /// @notice A voucher for later waits already, and does not hold yet. Only the licensee may put another in its place.
    error AnotherWaits(uint32 seq);
    /// @notice The grant's uses are counted by another contract.
    error GrantForOtherMarket(address licensee, Role role, address market);
    /// @notice The licensor has canceled this voucher.
    error VoucherCanceled(address licensor, uint256 nonce);
    /// @notice None of the three use classes, or others.
    error InvalidClasses(uint8 classes);
    /// @notice The grant would never be valid.
    error EndsBeforeStart(uint40 notBefore, uint40 expiry);
    /// @notice Basis points of the fee, and how many are allowed.
    error RoyaltyTooHigh(uint16 royaltyBps, uint16 maxRoyaltyBps);
    /// @notice Only requesters pay fees: an operator's grant has no price floor.
    error FloorForOperator(uint96 priceFloor);
    /// @notice Uses are limited and nobody counts them, or are not and somebody does.
    error WrongMarket(address market);
    /// @notice Neither the licensor's key nor its contract has signed this.
    error InvalidSignature(address licensor);
    /// @notice The licensor's key has signed this, in the other of two forms: `s` must be in the lower half (EIP-2).
    error MalleableSignature(address licensor);

    /// @notice Activates a voucher, or lets it wait where it holds later and another is in force. Idempotent; anyone may call it;
    /// the signer must be the licensor (EOA or ERC-1271).
    function activate(Grant calldata grant, bytes calldata signature) external;

    /// @notice Ends the licensee's grant and every voucher up to its sequence number, activated or not.
    /// @param seq At least that of the latest activated voucher; a new grant needs a higher one, or a raised epoch.
    function revoke(bytes32 modelId, address licensee, Role role, uint32 seq) external;

    /// @notice Voids every grant and voucher of a model at once. Sequence numbers begin anew.
    function raiseEpoch(bytes32 modelId) external returns (uint16 epoch);

    /// @notice Cancels a voucher of the caller's that nobody has activated.
    function cancel(uint256 nonce) external;

    /// @notice Lets a hot key use the caller's grants, or no longer.
    function delegate(address hotKey, bool allowed) external;

    /// @notice Says whose grants the caller uses, once that account has delegated to it; zero: its own alone. For a model and role
    /// the caller ever had a grant of its own for, that one counts, even revoked or expired.
    function actFor(address licensee) external;

    /// @notice Asks the licensor for an authorization. Changes nothing but the log.
    function requestAuthorization(
        bytes32 modelId,
        Role role,
        uint8 classes,
        string calldata purpose,
        string calldata uri
    ) external;

    /// @notice Says no to an ask, and why. Only the licensor; changes nothing but the log.
    function refuseAuthorization(bytes32 modelId, address licensee, Role role, string calldata reason) external;

    /// @notice The grant of an account, and the one that waits beside it; zero where there is none.
    function grantsOf(bytes32 modelId, address licensee, Role role)
        external
        view
        returns (GrantWord current, GrantWord waiting);

    /// @notice What else the account's grant with that number says; all zero where it is neither in force nor waits.
    function limitsOf(bytes32 modelId, address licensee, Role role, uint32 seq) external view returns (Limits memory);

    /// @notice Whether the licensor has canceled that voucher.
    function isCanceled(address licensor, uint256 nonce) external view returns (bool);

    /// @notice The model's epoch: what a voucher must name.
    function epochOf(bytes32 modelId) external view returns (uint16);

    /// @notice Whose grants an account uses: the licensee it acts for, if both agree, else itself.
    function principalOf(address account) external view returns (address);

    /// @notice All that a market has to know when a request is made: by what its requester may use the model, under which terms, and
    /// what those ask of an operator. Reverts with the reason where the use is not permitted. The market looks at the limits itself.
    /// @param operatorsUse The operator's use of the model.
    /// @return license By what the requester may use it.
    /// @return version Of the terms in force.
    /// @return epoch The model's.
    /// @return operatorsMode What the terms say of the operator's use; never CLOSED.
    function licenseNow(bytes32 modelId, address account, UseClass useClass, UseClass operatorsUse)
        external
        view
        returns (License memory license, uint24 version, uint16 epoch, Mode operatorsMode);

    /// @notice `licenseNow`, and `pinnedLicense` of an operator where it needs one: all that a market has to know for an order. Two
    /// licenses, three words each, and the version of the terms in force.
    function licensesOfOrder(
        bytes32 modelId,
        address requester,
        UseClass requestersUse,
        address operator,
        UseClass operatorsUse
    )
        external
        view
        returns (
            GrantWord requesters,
            address requestersLicensee,
            address requestersPayTo,
            GrantWord operators,
            address operatorsLicensee,
            address operatorsPayTo,
            uint24 version
        );

    /// @notice By what an account may use a model now, where the terms of `version` ask for a grant: one of `epoch` or later. Reverts
    /// with the reason where there is none. The market looks at the limits itself.
    function pinnedLicense(bytes32 modelId, address account, Role role, UseClass useClass, uint24 version, uint16 epoch)
        external
        view
        returns (License memory);

    /// @notice The EIP-712 digest a licensor signs.
    function hashGrant(Grant calldata grant) external view returns (bytes32);
}
