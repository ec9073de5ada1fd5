// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EIP712} from "solady/utils/EIP712.sol";
import {SafeCastLib} from "solady/utils/SafeCastLib.sol";

import {Lens} from "./Lens.sol";
import {Payments} from "./Payments.sol";
import {SignedOrders} from "./SignedOrders.sol";
import {IERC165} from "./interfaces/IERC165.sol";
import {Ask, IInferenceOracle, Request, State} from "./interfaces/IInferenceOracle.sol";
import {Grant, Role, UseClass} from "./interfaces/ILicenseRegistry.sol";
import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {IPayments} from "./interfaces/IPayments.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";
import {AnswerAt, Answers} from "./libraries/Answers.sol";
import {LicenseAt, Licenses} from "./libraries/Licenses.sol";
import {Oracles} from "./libraries/Oracles.sol";
import {Places} from "./libraries/Places.sol";
import {RequestAt, Requests} from "./libraries/Requests.sol";
import {Facts, RequestFacts} from "./types/Facts.sol";
import {LaneWord, LaneWords} from "./types/LaneWord.sol";
import {Mode} from "./types/Policy.sol";

/// @title Themis: requests, answers and payment
/// @notice A market: it holds open fees, tills and credits and nothing else. Immutable, without owner. Who may use which model is
/// written in its registry, which it reads and never changes.
/// @dev Every function: checks, effects, event, interaction. Only answers, withdrawals and requests paid in tokens interact, as
/// their last step, so there is nothing a reentrant call could find half done. Payments are taken one at a time: see `_pull`.
/// @custom:security-contact See SECURITY.md
contract InferenceOracle is SignedOrders, IERC165 {
    using Requests for Request;

    /// @dev What an operator offers for a model: one slot.
    struct Offer {
        bool serving;
        uint96 minFee;
        uint32 maxCallbackGas;
    }

    /// @notice The domain of request ids, written as an EIP-712 type.
    bytes32 public constant REQUEST_TYPEHASH = Requests.TYPEHASH;

    /// @dev The domain of result hashes, written as an EIP-712 type.
    bytes32 public constant RESULT_TYPEHASH = Requests.RESULT_TYPEHASH;

    /// @notice The largest input: the code of a contract (EIP-170) and two words.
    uint256 public constant MAX_INPUT_BYTES = 24_640;

    /// @notice The longest time between a request and its deadline: milliseconds taken for seconds lock no fee for ever.
    uint256 public constant MAX_WINDOW = 30 days;

    /// @inheritdoc IInferenceOracle
    address public immutable LENS;

    /// @dev Requests made before a fork that took a new chain id can still be refunded.
    uint256 private immutable FIRST_CHAIN_ID;

    /// @param registry Whose models are served here.
    constructor(IRegistry registry) Payments(registry) {
        FIRST_CHAIN_ID = block.chainid;
        LENS = address(new Lens(this));
    }

    /// @inheritdoc IInferenceOracle
    function serve(bytes32 modelId, address token, uint96 minFee, uint32 maxCallbackGas) external {
        if (REGISTRY.licensorOf(modelId) == address(0)) revert IModelRegistry.UnknownModel(modelId);

        Offer storage offer = _offer(modelId, msg.sender, token);
        (offer.serving, offer.minFee, offer.maxCallbackGas) = (true, minFee, maxCallbackGas);

        emit Served(modelId, msg.sender, token, true, minFee, maxCallbackGas);
    }

    /// @inheritdoc IInferenceOracle
    function stopServing(bytes32 modelId, address token) external {
        Offer storage offer = _offer(modelId, msg.sender, token);
        if (!offer.serving) revert OperatorNotServing(modelId, msg.sender, token);

        (offer.serving, offer.minFee, offer.maxCallbackGas) = (false, 0, 0);

        emit Served(modelId, msg.sender, token, false, 0, 0);
    }

    /// @inheritdoc IInferenceOracle
    function request(Ask calldata ask, bytes calldata input) external payable returns (bytes32 id) {
        return _request(ask, input, address(0), SafeCastLib.toUint96(msg.value));
    }

    /// @inheritdoc IInferenceOracle
    function requestWithToken(Ask calldata ask, bytes calldata input, address token, uint96 fee)
        external
        returns (bytes32 id)
    {
        id = _request(ask, input, token, fee);
        _pull(token, fee);
    }

    /// @inheritdoc IInferenceOracle
    function requestWithGrant(
        Ask calldata ask,
        bytes calldata input,
        address token,
        uint96 fee,
        Grant calldata grant,
        bytes calldata signature
    ) external payable returns (bytes32 id) {
        _requireSent(token, fee);
        REGISTRY.activate(grant, signature);
        id = _request(ask, input, token, fee);
        if (token != address(0)) _pull(token, fee);
    }

    /// @inheritdoc IInferenceOracle
    function requestMany(Ask[] calldata asks, bytes[] calldata inputs, address token, uint96[] calldata fees)
        external
        payable
        returns (bytes32[] memory ids)
    {
        _requireEqual(asks.length, inputs.length);
        _requireEqual(asks.length, fees.length);
        ids = new bytes32[](asks.length);
        uint256 total;
        for (uint256 i; i < asks.length; ++i) {
            total += fees[i];
            ids[i] = _request(asks[i], inputs[i], token, fees[i]);
        }
        _requireSent(token, total);
        if (token != address(0)) _pull(token, total);
    }

    /// @inheritdoc IInferenceOracle
    function fulfill(Request calldata request_, bytes calldata output, uint96 minPay) external returns (uint256 pay) {
        Lane storage lane = _laneOf(request_);
        LaneWord word = lane.word;
        bytes32 id = idOf(request_);
        if (!word.holds(State.OPEN, request_.facts.seq(), id)) revert NotOpen(id);
        _requireAnswerable(id, request_, output);

        AnswerAt answer = Answers.copied(output);
        bytes32 resultHash = answer.resultHash(id, request_.modelId);
        lane.word = LaneWords.pack(State.FINAL, request_.facts.seq(), resultHash);
        LicenseAt license = word.needsGrant() ? _useAsOperator(request_, word) : Licenses.none();
        pay = _settle(id, request_, request_.payToOf(), request_.facts.royaltyBps(), license, minPay);

        answer.logFulfilled(id, resultHash, request_.facts.termsVersion(), license.word().royaltyBps());

        _callBack(id, request_, answer);
    }

    /// @inheritdoc IInferenceOracle
    /// @dev Each answer is a call of its own to this very contract, by the same sender: what it reverts is its own.
    function fulfillMany(Request[] calldata requests, bytes[] calldata outputs, uint96[] calldata minPays)
        external
        returns (uint256 fulfilled)
    {
        _requireEqual(requests.length, outputs.length);
        _requireEqual(requests.length, minPays.length);
        for (uint256 i; i < requests.length; ++i) {
            if (Oracles.fulfillHere(requests[i], outputs[i], minPays[i])) ++fulfilled;
            else emit NotFulfilled(idOf(requests[i]), msg.sender, Oracles.reason());
        }
        if (fulfilled == 0) revert NothingFulfilled();
    }

    /// @inheritdoc IInferenceOracle
    function refund(Request calldata request_) external {
        Lane storage lane = _laneOf(request_);
        LaneWord word = lane.word;
        uint32 seq = request_.facts.seq();
        bytes32 id = idOf(request_);
        bool isOpen = word.holds(State.OPEN, seq, id);
        if (!isOpen && block.chainid != FIRST_CHAIN_ID) {
            id = Requests.ofCalldata(request_, FIRST_CHAIN_ID);
            isOpen = word.holds(State.OPEN, seq, id);
        }
        if (!isOpen) revert NotOpen(id);
        if (block.timestamp <= request_.facts.deadline()) revert DeadlineNotReached(request_.facts.deadline());

        lane.word = LaneWords.pack(State.REFUNDED, seq, 0);
        _credit(request_.token, request_.requester, request_.fee);
        if (request_.facts.grantSeq() > 0) _release(request_, word.epoch());

        emit Refunded(id, request_.requester, request_.fee);
    }

    /// @inheritdoc IInferenceOracle
    function offerOf(bytes32 modelId, address operator, address token)
        external
        view
        returns (bool serving, uint96 minFee, uint32 maxCallbackGas)
    {
        Offer storage offer = _offer(modelId, operator, token);
        return (offer.serving, offer.minFee, offer.maxCallbackGas);
    }

    /// @inheritdoc IInferenceOracle
    function stateOf(address requester, uint64 lane) external view returns (State state, uint32 seq, uint200 digest) {
        LaneWord word = _lane(requester, lane).word;
        return (word.state(), word.seq(), word.digest());
    }

    /// @inheritdoc IInferenceOracle
    function laneOf(address requester, uint64 lane) external view returns (LaneWord) {
        return _lane(requester, lane).word;
    }

    /// @inheritdoc IInferenceOracle
    function finalized(Request calldata request_, bytes calldata output) external view returns (bool) {
        bytes32 resultHash = resultHashOf(idOf(request_), request_.modelId, output);
        return _laneOf(request_).word.holds(State.FINAL, request_.facts.seq(), resultHash);
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IInferenceOracle).interfaceId || interfaceId == type(IPayments).interfaceId
            || interfaceId == type(IERC165).interfaceId || interfaceId == EIP712.eip712Domain.selector; // ERC-5267
    }

    /// @inheritdoc IInferenceOracle
    function idOf(Request calldata request_) public view returns (bytes32) {
        return Requests.ofCalldata(request_, block.chainid);
    }

    /// @inheritdoc IInferenceOracle
    function resultHashOf(bytes32 id, bytes32 modelId, bytes calldata output) public view returns (bytes32) {
        return Requests.resultHash(address(this), id, modelId, output);
    }

    function _request(Ask calldata ask, bytes calldata input, address token, uint96 fee) private returns (bytes32 id) {
        if (input.length > MAX_INPUT_BYTES) revert InputTooLarge(input.length, MAX_INPUT_BYTES);
        _requireTimely(ask.deadline);
        Lane storage lane = _lane(msg.sender, ask.lane);
        LaneWord last = lane.word;
        if (last.isOpen()) revert LaneBusy(msg.sender, ask.lane);
        uint32 seq = last.seq() + 1;
        (LicenseAt license, uint24 version, LaneWord pins) = _useAsRequester(ask, token, fee);
        RequestAt made = Requests.begin(ask.modelId, ask.operator, token, fee, input);
        uint16 royaltyBps = fee > 0 ? license.word().royaltyBps() : 0;
        made.setLicense(royaltyBps > 0 ? license.payTo() : address(0), license.licensee());
        uint32 grantSeq = license.word().seq();
        id = made.idWith(
            RequestFacts.pack(ask.lane, seq, grantSeq, ask.deadline, ask.callbackGas, version, royaltyBps, ask.useClass)
        );

        lane.word = LaneWords.pack(State.OPEN, seq, id).with(pins);

        made.log(id);
    }

    function _requireTimely(uint40 deadline) private view {
        if (deadline <= block.timestamp) revert DeadlinePassed(deadline);
        unchecked {
            // no block has a timestamp near 2^256
            uint256 latest = block.timestamp + MAX_WINDOW;
            if (deadline > latest) revert DeadlineTooFar(deadline, latest);
        }
    }

    /// @return minFee What the operator asks for, once the requester's royalty is off the fee.
    function _requireOffered(Ask calldata ask, address token) private view returns (uint96 minFee) {
        Offer storage offer = _offer(ask.modelId, ask.operator, token);
        if (!offer.serving) revert OperatorNotServing(ask.modelId, ask.operator, token);
        if (ask.callbackGas > offer.maxCallbackGas) revert CallbackGasTooHigh(ask.callbackGas, offer.maxCallbackGas);
        return offer.minFee;
    }

    /// @dev Uses the requester's license, and checks that an operator can have one.
    /// @return license The requester's.
    /// @return version Of the terms in force.
    /// @return pins What the lane's word keeps besides: what the operator's license must be.
    function _useAsRequester(Ask calldata ask, address token, uint96 fee)
        private
        returns (LicenseAt license, uint24 version, LaneWord pins)
    {
        uint96 minFee = _requireOffered(ask, token);
        UseClass useClass = ask.useClass;
        UseClass operatorsUse = _operatorsUse(fee, useClass);
        uint16 epoch;
        Mode mode;
        (license, version, epoch, mode) = Licenses.now_(REGISTRY, ask.modelId, msg.sender, useClass, operatorsUse);
        pins = LaneWords.pins(mode, operatorsUse, epoch);
        unchecked {
            uint256 net = fee - uint256(fee) * license.word().royaltyBps() / 10_000; // below half of it is royalty
            if (net < minFee) revert FeeTooLow(net, minFee);
        }
        if (license.isLimited()) _count(license, ask.modelId, msg.sender, Role.REQUESTER, token, fee, 1);
    }

    /// @dev Uses the operator's license at the moment of its answer, under the terms and in the epoch the request is pinned to.
    function _useAsOperator(Request calldata request_, LaneWord pinned) private returns (LicenseAt license) {
        uint24 version = request_.facts.termsVersion();
        bytes32 modelId = request_.modelId;
        license = Licenses.pinned(REGISTRY, modelId, msg.sender, pinned.useClass(), version, pinned.epoch());
        if (!license.isLimited()) return license;
        _count(license, modelId, msg.sender, Role.OPERATOR, request_.tokenOf(), request_.feeOf(), 1);
    }

    /// @dev What an operator offers for a model: one slot.
    function _offer(bytes32 modelId, address operator, address token) private pure returns (Offer storage offer) {
        bytes32 place = Places.ofOffer(token, modelId, operator);
        assembly ("memory-safe") {
            offer.slot := place
        }
    }

    function _domainNameAndVersion() internal pure override returns (string memory, string memory) {
        return ("Themis", "1");
    }
}
