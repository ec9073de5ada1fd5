// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {LibCall} from "solady/utils/LibCall.sol";
import {SafeCastLib} from "solady/utils/SafeCastLib.sol";

import {LicenseRegistry} from "./LicenseRegistry.sol";
import {Model} from "./ModelRegistry.sol";
import {IInferenceConsumer} from "./interfaces/IInferenceConsumer.sol";
import {Ask, IInferenceOracle, Request, State} from "./interfaces/IInferenceOracle.sol";
import {Role, UseClass} from "./interfaces/ILicenseRegistry.sol";
import {LaneWord, LaneWords} from "./libraries/LaneWords.sol";
import {Mode, Policy} from "./libraries/Policies.sol";
import {Requests} from "./libraries/Requests.sol";

/// @title Themis: requests, answers and payment
/// @notice The one contract that is deployed. Immutable, without owner; it holds open fees and credits and nothing else.
/// @dev Every function: checks, effects, event, interaction. Only `fulfill` and `withdraw` interact, as their last step, so
/// there is nothing a reentrant call could find half done.
contract InferenceOracle is IInferenceOracle, LicenseRegistry {
    /// @dev What an operator offers for a model: one slot.
    struct Offer {
        bool serving;
        uint96 minFee;
        uint32 maxCallbackGas;
    }

    /// @dev One word per (requester, lane).
    struct Lane {
        LaneWord word;
    }

    /// @notice The domain of request ids, written as an EIP-712 type.
    bytes32 public constant REQUEST_TYPEHASH = Requests.TYPEHASH;

    /// @dev The domain of result hashes, written as an EIP-712 type.
    bytes32 public constant RESULT_TYPEHASH =
        keccak256("Result(uint256 chainId,address oracle,bytes32 id,bytes32 modelId,bytes32 outputHash)");

    /// @notice The largest input: the code of a contract (EIP-170) and two words.
    uint256 public constant MAX_INPUT_BYTES = 24_640;

    /// @notice The largest output. It is paid for by the operator.
    uint256 public constant MAX_OUTPUT_BYTES = 1024;

    /// @notice The longest time between a request and its deadline: milliseconds taken for seconds lock no fee for ever.
    uint256 public constant MAX_WINDOW = 30 days;

    /// @dev A call to a cold account (EIP-2929) and the steps between the gas check and that call.
    uint256 private constant CALL_OVERHEAD_GAS = 3000;

    /// @inheritdoc IInferenceOracle
    mapping(address account => uint256) public credits;

    mapping(bytes32 modelId => mapping(address operator => Offer)) private _offers;
    mapping(address requester => mapping(uint64 lane => Lane)) private _lanes;

    /// @inheritdoc IInferenceOracle
    function serve(bytes32 modelId, uint96 minFee, uint32 maxCallbackGas) external {
        _knownModel(modelId);

        _offers[modelId][msg.sender] = Offer(true, minFee, maxCallbackGas);

        emit Served(modelId, msg.sender, true, minFee, maxCallbackGas);
    }

    /// @inheritdoc IInferenceOracle
    function stopServing(bytes32 modelId) external {
        if (!_offers[modelId][msg.sender].serving) revert OperatorNotServing(modelId, msg.sender);

        delete _offers[modelId][msg.sender];

        emit Served(modelId, msg.sender, false, 0, 0);
    }

    /// @inheritdoc IInferenceOracle
    function request(Ask calldata ask, bytes calldata input) external payable returns (bytes32 id) {
        if (input.length > MAX_INPUT_BYTES) revert InputTooLarge(input.length, MAX_INPUT_BYTES);
        _requireTimely(ask.deadline);
        _requireOffered(ask);
        Lane storage lane = _lanes[msg.sender][ask.lane];
        LaneWord last = lane.word;
        if (last.state() == State.OPEN) revert LaneBusy(msg.sender, ask.lane);
        (Request memory made, Mode operatorMode) = _licensed(ask);
        made.seq = last.seq() + 1;
        made.inputHash = keccak256(input);
        id = Requests.ofMemory(made);

        lane.word = LaneWords.pack(State.OPEN, made.seq, id).withMode(operatorMode);

        emit Requested(id, made.operator, made, input);
    }

    /// @inheritdoc IInferenceOracle
    function fulfill(Request calldata request_, bytes calldata output) external {
        (bytes32 id, Lane storage lane, Mode mode) = _requireOpen(request_);
        if (block.timestamp > request_.deadline) revert DeadlinePassed(request_.deadline);
        if (msg.sender != request_.operator) revert NotOperator(id, msg.sender, request_.operator);
        if (output.length > MAX_OUTPUT_BYTES) revert OutputTooLarge(output.length, MAX_OUTPUT_BYTES);
        UseClass useClass = _operatorsUse(request_.fee, request_.useClass);
        _checkGrant(mode, request_.modelId, request_.termsVersion, msg.sender, Role.OPERATOR, useClass);

        bytes32 resultHash = resultHashOf(id, request_.modelId, output);
        lane.word = LaneWords.pack(State.FINAL, request_.seq, resultHash);
        if (request_.fee > 0) _settle(request_);

        emit Fulfilled(id, msg.sender, resultHash, output);

        if (request_.callbackGas > 0) _callBack(request_.requester, request_.callbackGas, id, output);
    }

    /// @inheritdoc IInferenceOracle
    function refund(Request calldata request_) external {
        (bytes32 id, Lane storage lane,) = _requireOpen(request_);
        if (block.timestamp <= request_.deadline) revert DeadlineNotReached(request_.deadline);

        lane.word = LaneWords.pack(State.REFUNDED, request_.seq, 0);
        if (request_.fee > 0) credits[request_.requester] += request_.fee;

        emit Refunded(id, request_.requester, request_.fee);
    }

    /// @inheritdoc IInferenceOracle
    function withdraw(address account) external returns (uint256 amount) {
        amount = credits[account];
        if (amount == 0) revert NothingToWithdraw(account);

        credits[account] = 0;

        emit Withdrawn(account, amount);

        (bool paid,,) = LibCall.tryCall(account, amount, gasleft(), 0, "");
        if (!paid) revert TransferFailed(account);
    }

    /// @inheritdoc IInferenceOracle
    function offerOf(bytes32 modelId, address operator)
        external
        view
        returns (bool serving, uint96 minFee, uint32 maxCallbackGas)
    {
        Offer memory offer = _offers[modelId][operator];
        return (offer.serving, offer.minFee, offer.maxCallbackGas);
    }

    /// @inheritdoc IInferenceOracle
    function stateOf(address requester, uint64 lane) external view returns (State state, uint32 seq, uint216 digest) {
        LaneWord word = _lanes[requester][lane].word;
        return (word.state(), word.seq(), word.digest());
    }

    /// @inheritdoc IInferenceOracle
    function finalized(Request calldata request_, bytes calldata output) external view returns (bool) {
        bytes32 resultHash = resultHashOf(idOf(request_), request_.modelId, output);
        LaneWord word = _lanes[request_.requester][request_.lane].word;
        return word.holds(State.FINAL, request_.seq, resultHash);
    }

    /// @inheritdoc IInferenceOracle
    function idOf(Request calldata request_) public view returns (bytes32) {
        return Requests.ofCalldata(request_);
    }

    /// @inheritdoc IInferenceOracle
    function resultHashOf(bytes32 id, bytes32 modelId, bytes calldata output) public view returns (bytes32) {
        return keccak256(abi.encode(RESULT_TYPEHASH, block.chainid, address(this), id, modelId, keccak256(output)));
    }

    function _requireTimely(uint40 deadline) private view {
        if (deadline <= block.timestamp) revert DeadlinePassed(deadline);
        unchecked {
            // no block has a timestamp near 2^256
            uint256 latest = block.timestamp + MAX_WINDOW;
            if (deadline > latest) revert DeadlineTooFar(deadline, latest);
        }
    }

    function _requireOffered(Ask calldata ask) private view {
        Offer storage offer = _offers[ask.modelId][ask.operator];
        if (!offer.serving) revert OperatorNotServing(ask.modelId, ask.operator);
        if (msg.value < offer.minFee) revert FeeTooLow(msg.value, offer.minFee);
        if (ask.callbackGas > offer.maxCallbackGas) revert CallbackGasTooHigh(ask.callbackGas, offer.maxCallbackGas);
    }

    /// @dev Checks the requester's license, and that an operator can have one; fills in everything but `seq` and `inputHash`.
    function _licensed(Ask calldata ask) private view returns (Request memory made, Mode operatorMode) {
        Model storage model = _knownModel(ask.modelId);
        (uint24 version, Policy policy) = _termsInForce(ask.modelId, model);
        Mode mode = _modeOf(ask.modelId, version, policy, Role.REQUESTER, ask.useClass);
        UseClass operatorsUse = _operatorsUse(msg.value, ask.useClass);
        operatorMode = _modeOf(ask.modelId, version, policy, Role.OPERATOR, operatorsUse);
        made.requester = msg.sender;
        made.lane = ask.lane;
        made.modelId = ask.modelId;
        made.operator = ask.operator;
        made.fee = SafeCastLib.toUint96(msg.value);
        made.licensor = model.licensor;
        made.royaltyBps = _checkGrant(mode, ask.modelId, version, msg.sender, Role.REQUESTER, ask.useClass);
        made.termsVersion = version;
        made.useClass = ask.useClass;
        made.deadline = ask.deadline;
        made.callbackGas = ask.callbackGas;
    }

    function _requireOpen(Request calldata request_) private view returns (bytes32 id, Lane storage lane, Mode mode) {
        id = idOf(request_);
        lane = _lanes[request_.requester][request_.lane];
        LaneWord word = lane.word;
        if (!word.holds(State.OPEN, request_.seq, id)) revert NotOpen(id);
        mode = word.mode();
    }

    /// @dev Whoever is paid for serving serves commercially, whatever the requester is.
    function _operatorsUse(uint256 fee, UseClass requesters) private pure returns (UseClass) {
        return fee > 0 ? UseClass.COMMERCIAL : requesters;
    }

    /// @dev The royalty is rounded down; the remainder is the operator's, so nothing is lost.
    function _settle(Request calldata request_) private {
        uint256 royalty = uint256(request_.fee) * request_.royaltyBps / 10_000;
        if (royalty > 0) credits[request_.licensor] += royalty;
        credits[request_.operator] += request_.fee - royalty;
    }

    /// @dev Exactly `gasLimit` gas or a revert: the operator cannot starve a callback and be paid for it (EIP-150 passes on
    /// 63/64 at most). What the callback does or returns has no effect here.
    function _callBack(address consumer, uint256 gasLimit, bytes32 id, bytes calldata output) private {
        bytes memory data = abi.encodeCall(IInferenceConsumer.onInference, (id, output));
        uint256 required = gasLimit + gasLimit / 63 + CALL_OVERHEAD_GAS;
        if (gasleft() < required) revert InsufficientGas(gasleft(), required);
        (bool done,,) = LibCall.tryCall(consumer, 0, gasLimit, 0, data);
        if (!done) emit CallbackFailed(id);
    }
}
