// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "solady/utils/ECDSA.sol";
import {EIP712} from "solady/utils/EIP712.sol";
import {SafeCastLib} from "solady/utils/SafeCastLib.sol";

import {ICommittee, Offer, Rules, Signature, Statement} from "../interfaces/ICommittee.sol";
import {IInferenceOracle, Request, State} from "../interfaces/IInferenceOracle.sol";
import {ILicenseRegistry, License, Role, UseClass} from "../interfaces/ILicenseRegistry.sol";
import {IRegistry} from "../interfaces/IRegistry.sol";
import {LicenseAt, Licenses} from "../libraries/Licenses.sol";
import {Merkle} from "../libraries/Merkle.sol";
import {Oracles} from "../libraries/Oracles.sol";
import {Requests} from "../libraries/Requests.sol";
import {GrantWords} from "../types/GrantWord.sol";
import {LaneWord} from "../types/LaneWord.sol";
import {Mode} from "../types/Policy.sol";
import {Membership} from "./Membership.sol";
import {Treasury} from "./Treasury.sol";

/// @title Themis: a committee
/// @notice Immutable, without owner. All committees share this code by clones that nobody can point elsewhere.
/// @dev The oracle is called before the pay is booked: what a callback does here meanwhile finds nothing half done, for the pay is what
/// the oracle returns and is added to whatever the word is then.
/// @custom:security-contact See SECURITY.md
contract Committee is Membership, EIP712 {
    using Requests for Request;

    /// @dev Zero: there is none.
    struct Round {
        uint40 revealsFrom;
        uint40 revealsTo;
    }

    bytes32 private constant COMMITMENT_TYPEHASH = keccak256("Commitment(bytes32 request,bytes32 commitment)");
    bytes32 private constant RESULT_TYPEHASH = keccak256("Result(bytes32 request,bytes32 resultHash)");
    bytes32 private constant RESULTS_TYPEHASH = keccak256("Results(bytes32 root)");
    bytes32 private constant OFFER_TYPEHASH = keccak256(
        "Offer(bytes32 modelId,address token,bool serving,uint96 minFee,uint32 maxCallbackGas,uint256 nonce)"
    );

    IRegistry private immutable REGISTRY;

    /// @inheritdoc ICommittee
    uint256 public offers;

    /// @inheritdoc ICommittee
    mapping(bytes32 id => Round) public roundOf;

    /// @inheritdoc ICommittee
    mapping(bytes32 id => mapping(address member => bytes32)) public commitmentOf;

    mapping(bytes32 id => mapping(bytes32 resultHash => address[])) private _revealed;

    constructor(IInferenceOracle oracle) Treasury(oracle) {
        REGISTRY = oracle.REGISTRY();
    }

    /// @inheritdoc ICommittee
    function offer(Offer calldata offer_, Signature[] calldata signatures) external {
        if (offer_.nonce != offers) revert WrongNonce(offer_.nonce, offers);
        address[] memory signers = _quorum(_rules(), hashOffer(offer_), signatures);

        ++offers;

        emit Offered(offer_.nonce, signers);

        if (offer_.serving) ORACLE.serve(offer_.modelId, offer_.token, offer_.minFee, offer_.maxCallbackGas);
        else ORACLE.stopServing(offer_.modelId, offer_.token);
    }

    /// @inheritdoc ICommittee
    function answer(Request calldata request, bytes calldata output, Signature[] calldata signatures) external {
        bytes32 id = _idOf(request);
        Rules memory rules_ = _rules();
        address[] memory signers = _quorum(rules_, hashResult(id, _resultHash(id, request, output)), signatures);
        _requireLicensed(signers, request, _laneOf(request));
        _answer(id, request, output, signers, rules_.maxRoyaltyBps);
    }

    /// @inheritdoc ICommittee
    function answerMany(Request[] calldata requests, bytes[] calldata outputs, Signature[] calldata signatures)
        external
        returns (uint256 answered)
    {
        _requireEqual(requests.length, outputs.length);
        bytes32[] memory leaves = new bytes32[](requests.length);
        for (uint256 i; i < requests.length; ++i) {
            bytes32 id = _idOf(requests[i]);
            leaves[i] = _leaf(id, _resultHash(id, requests[i], outputs[i]));
        }
        bytes32 root = Merkle.rootOf(leaves);
        Rules memory rules_ = _rules();
        address[] memory signers = _quorum(rules_, hashResults(root), signatures);

        answered = _answerEach(requests, outputs, signers, rules_.maxRoyaltyBps);

        if (answered == 0) revert NothingAnswered();
        emit AnsweredMany(root, answered, signers);
    }

    /// @inheritdoc ICommittee
    function answerOrder(
        Request calldata order,
        bytes calldata signature,
        bytes calldata output,
        Signature[] calldata signatures
    ) external {
        bytes32 id = _idOf(order);
        Rules memory rules_ = _rules();
        address[] memory signers = _quorum(rules_, hashResult(id, _resultHash(id, order, output)), signatures);
        _requireLicensedNow(signers, order);
        uint256 pay = ORACLE.fulfillOrder(order, signature, output, _leastOfOrder(order, rules_.maxRoyaltyBps));
        _earn(order.token, signers, pay);
        emit Answered(id, signers);
    }

    /// @inheritdoc ICommittee
    function commit(Request calldata request, bytes32[] calldata commitments, Signature[] calldata signatures)
        external
    {
        _requireEqual(commitments.length, signatures.length);
        bytes32 id = _idOf(request);
        _requireTaken(id, request);
        address[] memory signers = new address[](signatures.length);
        uint96 stake = _rules().stake;
        address signer;
        bool isNew;
        for (uint256 i; i < signatures.length; ++i) {
            signer = _signer(hashCommitment(id, commitments[i]), signatures[i], i, signer, stake);
            signers[i] = signer;
            if (commitmentOf[id][signer] != 0) continue;
            isNew = true;
            commitmentOf[id][signer] = commitments[i];
            emit Committed(id, signer, commitments[i]);
        }
        if (!isNew) revert AlreadyCommitted(id);
        _requireLicensed(signers, request, _laneOf(request));
    }

    /// @inheritdoc ICommittee
    function reveal(bytes32 id, address member, bytes32 resultHash, bytes32 salt) external {
        bytes32 commitment = commitmentOf[id][member];
        if (commitment == 0) revert NotCommitted(id, member);
        Round memory round = roundOf[id];
        if (block.timestamp <= round.revealsFrom) revert TooEarly(id, uint256(round.revealsFrom) + 1);
        if (block.timestamp > round.revealsTo) revert TooLate(id, round.revealsTo);
        if (keccak256(abi.encode(resultHash, salt, member)) != commitment) revert CommitmentMismatch(id, member);

        delete commitmentOf[id][member];
        if (_hasWholeStake(member, _rules().stake)) _revealed[id][resultHash].push(member);

        emit Revealed(id, member, resultHash);
    }

    /// @inheritdoc ICommittee
    function count(Request calldata request, bytes calldata output) external {
        bytes32 id = _idOf(request);
        address[] storage revealed = _revealed[id][_resultHash(id, request, output)];
        Rules memory rules_ = _rules();
        address[] memory signers = new address[](rules_.threshold);
        uint256 found;
        for (uint256 i; i < revealed.length && found < signers.length; ++i) {
            if (_hasWholeStake(revealed[i], rules_.stake)) signers[found++] = revealed[i];
        }
        if (found < signers.length) revert TooFewReveals(id, found, signers.length);
        _answer(id, request, output, signers, rules_.maxRoyaltyBps);
    }

    /// @inheritdoc ICommittee
    function fine(Request calldata request, address member) external {
        bytes32 id = _idOf(request);
        if (commitmentOf[id][member] == 0) revert NotCommitted(id, member);
        uint256 revealsTo = roundOf[id].revealsTo;
        if (block.timestamp <= revealsTo) revert TooEarly(id, revealsTo + 1);
        LaneWord word = _laneOf(request);
        if (word.state() == State.FINAL || word.seq() != request.facts.seq()) revert NotUnanswered(id);

        delete commitmentOf[id][member];
        emit Fined(member, id, msg.sender, _takeFine(member, msg.sender, request.requester));
    }

    /// @inheritdoc ICommittee
    function slash(Request calldata request, address member, Statement calldata one, Statement calldata other)
        external
    {
        bytes32 id = _idOf(request);
        if (one.resultHash == other.resultHash) revert SameResult(id, one.resultHash);
        _requireSaid(id, member, one);
        _requireSaid(id, member, other);

        uint256 amount = _takeAll(member, msg.sender, request.requester);
        emit Slashed(member, id, msg.sender, one.resultHash, other.resultHash, amount);
    }

    /// @inheritdoc ICommittee
    function revealedBy(bytes32 id, bytes32 resultHash) external view returns (address[] memory) {
        return _revealed[id][resultHash];
    }

    /// @inheritdoc ICommittee
    function hashResult(bytes32 id, bytes32 resultHash) public view returns (bytes32) {
        return _hashTypedData(keccak256(abi.encode(RESULT_TYPEHASH, id, resultHash)));
    }

    /// @inheritdoc ICommittee
    function hashResults(bytes32 root) public view returns (bytes32) {
        return _hashTypedData(keccak256(abi.encode(RESULTS_TYPEHASH, root)));
    }

    /// @inheritdoc ICommittee
    function hashCommitment(bytes32 id, bytes32 commitment) public view returns (bytes32) {
        return _hashTypedData(keccak256(abi.encode(COMMITMENT_TYPEHASH, id, commitment)));
    }

    /// @inheritdoc ICommittee
    function hashOffer(Offer calldata offer_) public view returns (bytes32) {
        return _hashTypedData(keccak256(abi.encode(OFFER_TYPEHASH, offer_)));
    }

    function _answer(
        bytes32 id,
        Request calldata request,
        bytes calldata output,
        address[] memory signers,
        uint256 maxRoyaltyBps
    ) private {
        uint256 pay = ORACLE.fulfill(request, output, _minPay(request, maxRoyaltyBps));
        _earn(request.token, signers, pay);
        emit Answered(id, signers);
    }

    /// @dev Pay of neighbors in one token is booked together, and licenses that need the same are looked up once.
    function _answerEach(
        Request[] calldata requests,
        bytes[] calldata outputs,
        address[] memory signers,
        uint256 maxRoyaltyBps
    ) private returns (uint256 answered) {
        uint256 last;
        uint256 pays;
        for (uint256 i; i < requests.length; ++i) {
            Request calldata request = requests[i];
            LaneWord pinned = _laneOf(request);
            uint256 needed = uint256(request.facts.termsVersion()) << 20 | pinned.pinned();
            bool isNew = i == 0 || needed != last || request.modelId != requests[i - 1].modelId;
            if (isNew) _requireLicensed(signers, request, pinned);
            last = needed;
            (bool done, uint256 pay) = Oracles.fulfill(ORACLE, request, outputs[i], _minPay(request, maxRoyaltyBps));
            if (done) {
                unchecked {
                    ++answered; // at most as many as there are
                    pays += pay; // parts of fees, of 96 bits each
                }
            } else {
                emit NotAnswered(_idOf(request), Oracles.reason());
            }
            if (i + 1 < requests.length && requests[i + 1].tokenOf() == request.tokenOf()) continue;
            _earn(request.token, signers, pays);
            pays = 0;
        }
    }

    /// @dev Opens the request's round, or finds it open.
    function _requireTaken(bytes32 id, Request calldata request) private {
        bool isOpen = _laneOf(request).holds(State.OPEN, request.facts.seq(), id);
        if (!isOpen || request.operator != address(this)) revert NotOpen(id);

        uint40 window = _rules().window;
        uint256 last = roundOf[id].revealsFrom;
        bool isFirst = last == 0;
        if (isFirst) last = _before(request.facts.deadline(), uint256(window) * 3);
        if (block.timestamp > last) revert TooLate(id, last);
        if (!isFirst) return;

        Round memory round = Round(uint40(block.timestamp) + window, uint40(block.timestamp) + 2 * window);
        roundOf[id] = round;
        emit RoundOpened(id, round.revealsFrom, round.revealsTo);
    }

    function _idOf(Request calldata request) private view returns (bytes32) {
        return Requests.madeIn(address(ORACLE), request, block.chainid);
    }

    function _resultHash(bytes32 id, Request calldata request, bytes calldata output) private view returns (bytes32) {
        return Requests.resultHash(address(ORACLE), id, request.modelId, output);
    }

    /// @dev The M members who signed a digest.
    function _quorum(Rules memory rules_, bytes32 digest, Signature[] calldata signatures)
        private
        view
        returns (address[] memory signers)
    {
        if (signatures.length != rules_.threshold) revert WrongSignatureCount(signatures.length, rules_.threshold);
        signers = new address[](signatures.length);
        address last;
        for (uint256 i; i < signatures.length; ++i) {
            signers[i] = last = _signer(digest, signatures[i], i, last, rules_.stake);
        }
    }

    /// @dev A member in good standing, after `last`.
    function _signer(bytes32 digest, Signature calldata signature, uint256 index, address last, uint96 stake)
        private
        view
        returns (address signer)
    {
        signer = ECDSA.tryRecover(digest, signature.r, signature.vs);
        if (signer == address(0)) revert InvalidSignature(index);
        if (!_isSigning(signer, stake)) revert NotSigning(signer);
        if (signer <= last) revert NotAscending(last, signer);
    }

    function _requireSaid(bytes32 id, address member, Statement calldata said) private view {
        bytes32 digest = hashResult(id, said.resultHash);
        if (said.root != 0) {
            bytes32 leaf = _leaf(id, said.resultHash);
            if (!Merkle.opens(said.root, leaf, said.index, said.count, said.siblings)) {
                revert NotInBatch(id, said.resultHash);
            }
            digest = hashResults(said.root);
        }
        address signer = ECDSA.tryRecover(digest, said.signature.r, said.signature.vs);
        if (signer == address(0) || signer != member) revert NotSigned(member, signer);
    }

    function _laneOf(Request calldata request) private view returns (LaneWord) {
        return Oracles.laneOf(ORACLE, request);
    }

    /// @dev Every signer runs the model, so each needs what the terms ask of operators. Nobody counts what a signer's grant limits: such a
    /// one is for the market that it names.
    function _requireLicensed(address[] memory signers, Request calldata request, LaneWord pinned) private view {
        if (pinned.mode() != Mode.GRANT) return;
        (bytes32 modelId, uint24 version) = (request.modelId, request.facts.termsVersion());
        for (uint256 i; i < signers.length; ++i) {
            License memory license =
                REGISTRY.pinnedLicense(modelId, signers[i], Role.OPERATOR, pinned.useClass(), version, pinned.epoch());
            if (license.word.has(GrantWords.COUNTED)) _refuseCounted(license.licensee, signers[i]);
        }
    }

    /// @dev The same for an order, which nothing is pinned of: as the oracle asks for the operator's own.
    function _requireLicensedNow(address[] memory signers, Request calldata order) private view {
        UseClass useClass = order.facts.useClass();
        UseClass signersUse = order.fee > 0 ? UseClass.COMMERCIAL : useClass;
        for (uint256 i; i < signers.length; ++i) {
            (, LicenseAt license,) =
                Licenses.ofOrder(REGISTRY, order.modelId, order.requester, useClass, signers[i], signersUse);
            if (license.word().has(GrantWords.COUNTED)) _refuseCounted(license.licensee(), signers[i]);
        }
    }

    function _refuseCounted(address licensee, address signer) private view {
        address holder = licensee == address(0) ? signer : licensee;
        revert ILicenseRegistry.GrantForOtherMarket(holder, Role.OPERATOR, address(ORACLE));
    }

    /// @dev What the offer asks for, for each of its inputs, less the most that the committee gives of its own: the royalty of the
    /// requester's grant is known no earlier than the answer.
    function _leastOfOrder(Request calldata order, uint256 maxRoyaltyBps) private view returns (uint96) {
        (, uint96 minFee,) = ORACLE.offerOf(order.modelId, address(this), order.token);
        uint256 items = order.facts.items();
        uint256 asked = uint256(minFee) * (items > 0 ? items : 1);
        uint256 royalty = uint256(order.fee) * maxRoyaltyBps / 10_000;
        return royalty > asked ? 0 : SafeCastLib.toUint96(asked - royalty);
    }

    /// @dev Of the fee, what is left by the request's royalty and by the most that the committee gives of its own.
    function _minPay(Request calldata request, uint256 maxRoyaltyBps) private pure returns (uint96) {
        uint256 fee = request.feeOf();
        unchecked {
            // 96 and 16 bits; the oracle knows no request whose fee has more
            uint256 royalties = fee * request.facts.royaltyBps() / 10_000 + fee * maxRoyaltyBps / 10_000;
            return royalties > fee ? 0 : uint96(fee - royalties);
        }
    }

    function _leaf(bytes32 id, bytes32 resultHash) private pure returns (bytes32) {
        return Merkle.leafHash(id, resultHash);
    }

    function _before(uint256 end, uint256 length) private pure returns (uint256) {
        return length > end ? 0 : end - length;
    }

    function _requireEqual(uint256 items, uint256 others) private pure {
        if (items == 0 || items != others) revert UnequalLists(items, others);
    }

    function _domainNameAndVersion() internal pure override returns (string memory, string memory) {
        return ("Themis Committee", "1");
    }
}
