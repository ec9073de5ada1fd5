// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EIP712} from "solady/utils/EIP712.sol";
import {LibCall} from "solady/utils/LibCall.sol";
import {SafeCastLib} from "solady/utils/SafeCastLib.sol";

import {LicenseRegistry} from "./LicenseRegistry.sol";
import {Model} from "./ModelRegistry.sol";
import {Payments} from "./Payments.sol";
import {IERC165} from "./interfaces/IERC165.sol";
import {IInferenceConsumer} from "./interfaces/IInferenceConsumer.sol";
import {Ask, IInferenceOracle, Request, State} from "./interfaces/IInferenceOracle.sol";
import {Grant, ILicenseRegistry, Role, UseClass} from "./interfaces/ILicenseRegistry.sol";
import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {IPayments} from "./interfaces/IPayments.sol";
import {ITermsRegistry} from "./interfaces/ITermsRegistry.sol";
import {GrantWord} from "./libraries/GrantWords.sol";
import {LaneWord, LaneWords} from "./libraries/LaneWords.sol";
import {Mode, Policy} from "./libraries/Policies.sol";
import {RequestFacts} from "./libraries/RequestFacts.sol";
import {Requests} from "./libraries/Requests.sol";

/// @title Themis: requests, answers and payment
/// @notice The one contract that is deployed. Immutable, without owner; it holds open fees and credits and nothing else.
/// @dev Every function: checks, effects, event, interaction. Only `fulfillRequest`, `withdraw` and requests paid in tokens interact,
/// as their last step, so there is nothing a reentrant call could find half done. Payments are taken one at a time: see `_pull`.
contract InferenceOracle is IInferenceOracle, IERC165, LicenseRegistry, Payments {
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

    mapping(bytes32 modelId => mapping(address operator => mapping(address token => Offer))) private _offers;
    mapping(address requester => mapping(uint64 lane => Lane)) private _lanes;

    /// @inheritdoc IInferenceOracle
    function serve(bytes32 modelId, address token, uint96 minFee, uint32 maxCallbackGas) external {
        _knownModel(modelId);

        _offers[modelId][msg.sender][token] = Offer(true, minFee, maxCallbackGas);

        emit Served(modelId, msg.sender, token, true, minFee, maxCallbackGas);
    }

    /// @inheritdoc IInferenceOracle
    function stopServing(bytes32 modelId, address token) external {
        if (!_offers[modelId][msg.sender][token].serving) revert OperatorNotServing(modelId, msg.sender, token);

        delete _offers[modelId][msg.sender][token];

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
        uint256 inEther = token == address(0) ? fee : 0;
        if (msg.value != inEther) revert FeeNotReceived(address(0), msg.value, inEther);
        _activate(grant, signature);
        id = _request(ask, input, token, fee);
        if (token != address(0)) _pull(token, fee);
    }

    /// @inheritdoc IInferenceOracle
    function fulfillRequest(Request calldata request_, bytes calldata output) external {
        (bytes32 id, Lane storage lane, LaneWord word) = _requireOpen(request_);
        if (block.timestamp > request_.facts.deadline()) revert DeadlinePassed(request_.facts.deadline());
        if (msg.sender != request_.operator) revert NotOperator(id, msg.sender, request_.operator);
        if (output.length > MAX_OUTPUT_BYTES) revert OutputTooLarge(output.length, MAX_OUTPUT_BYTES);

        bytes32 resultHash = resultHashOf(id, request_.modelId, output);
        lane.word = LaneWords.pack(State.FINAL, request_.facts.seq(), resultHash);
        GrantWord grant; // zero where the policy is open
        address licensee;
        if (word.mode() == Mode.GRANT) (licensee, grant) = _useAsOperator(request_, word);
        if (request_.fee > 0) _settle(request_, licensee, grant);

        bytes32 termsHash = _termsHashOf(request_.modelId, request_.facts.termsVersion());
        emit Fulfilled(id, msg.sender, resultHash, termsHash, output);

        if (request_.facts.callbackGas() > 0) _callBack(request_.requester, request_.facts.callbackGas(), id, output);
    }

    /// @inheritdoc IInferenceOracle
    function refund(Request calldata request_) external {
        (bytes32 id, Lane storage lane,) = _requireOpen(request_);
        if (block.timestamp <= request_.facts.deadline()) revert DeadlineNotReached(request_.facts.deadline());

        lane.word = LaneWords.pack(State.REFUNDED, request_.facts.seq(), 0);
        _credit(request_.token, request_.requester, request_.fee);
        if (request_.facts.grantSeq() > 0) {
            address licensee = _holder(request_.licensee, request_.requester);
            _release(request_.modelId, licensee, Role.REQUESTER, request_.facts.grantSeq());
        }

        emit Refunded(id, request_.requester, request_.fee);
    }

    /// @inheritdoc IInferenceOracle
    function offerOf(bytes32 modelId, address operator, address token)
        external
        view
        returns (bool serving, uint96 minFee, uint32 maxCallbackGas)
    {
        Offer memory offer = _offers[modelId][operator][token];
        return (offer.serving, offer.minFee, offer.maxCallbackGas);
    }

    /// @inheritdoc IInferenceOracle
    function stateOf(address requester, uint64 lane) external view returns (State state, uint32 seq, uint200 digest) {
        LaneWord word = _lanes[requester][lane].word;
        return (word.state(), word.seq(), word.digest());
    }

    /// @inheritdoc IInferenceOracle
    function finalized(Request calldata request_, bytes calldata output) external view returns (bool) {
        bytes32 resultHash = resultHashOf(idOf(request_), request_.modelId, output);
        LaneWord word = _lanes[request_.requester][request_.facts.lane()].word;
        return word.holds(State.FINAL, request_.facts.seq(), resultHash);
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IInferenceOracle).interfaceId || interfaceId == type(ILicenseRegistry).interfaceId
            || interfaceId == type(ITermsRegistry).interfaceId || interfaceId == type(IModelRegistry).interfaceId
            || interfaceId == type(IPayments).interfaceId || interfaceId == type(IERC165).interfaceId
            || interfaceId == EIP712.eip712Domain.selector; // ERC-5267
    }

    /// @inheritdoc IInferenceOracle
    function idOf(Request calldata request_) public view returns (bytes32) {
        return Requests.ofCalldata(request_);
    }

    /// @inheritdoc IInferenceOracle
    function resultHashOf(bytes32 id, bytes32 modelId, bytes calldata output) public view returns (bytes32) {
        return keccak256(abi.encode(RESULT_TYPEHASH, block.chainid, address(this), id, modelId, keccak256(output)));
    }

    function _request(Ask calldata ask, bytes calldata input, address token, uint96 fee) private returns (bytes32 id) {
        if (input.length > MAX_INPUT_BYTES) revert InputTooLarge(input.length, MAX_INPUT_BYTES);
        _requireTimely(ask.deadline);
        _requireOffered(ask, token, fee);
        Lane storage lane = _lanes[msg.sender][ask.lane];
        LaneWord last = lane.word;
        if (last.state() == State.OPEN) revert LaneBusy(msg.sender, ask.lane);
        uint32 seq = last.seq() + 1;
        (Request memory made, LaneWord pins) = _licensed(ask, token, fee, seq);
        made.inputHash = keccak256(input);
        id = Requests.ofMemory(made);

        lane.word = LaneWords.pack(State.OPEN, seq, id).with(pins);

        emit Requested(id, made.operator, made, input);
    }

    function _requireTimely(uint40 deadline) private view {
        if (deadline <= block.timestamp) revert DeadlinePassed(deadline);
        unchecked {
            // no block has a timestamp near 2^256
            uint256 latest = block.timestamp + MAX_WINDOW;
            if (deadline > latest) revert DeadlineTooFar(deadline, latest);
        }
    }

    function _requireOffered(Ask calldata ask, address token, uint96 fee) private view {
        Offer storage offer = _offers[ask.modelId][ask.operator][token];
        if (!offer.serving) revert OperatorNotServing(ask.modelId, ask.operator, token);
        if (fee < offer.minFee) revert FeeTooLow(fee, offer.minFee);
        if (ask.callbackGas > offer.maxCallbackGas) revert CallbackGasTooHigh(ask.callbackGas, offer.maxCallbackGas);
    }

    /// @dev Uses the requester's license, and checks that an operator can have one; fills in all but `inputHash`.
    /// @return made The request.
    /// @return pins What the lane's word keeps besides: what the operator's license must be.
    function _licensed(Ask calldata ask, address token, uint96 fee, uint32 seq)
        private
        returns (Request memory made, LaneWord pins)
    {
        Model storage model = _knownModel(ask.modelId);
        uint16 epoch = model.epoch;
        (uint24 version, Policy policy) = _termsInForce(ask.modelId, model);
        GrantWord word; // zero where the policy is open
        if (_modeOf(ask.modelId, version, policy, Role.REQUESTER, ask.useClass) == Mode.GRANT) {
            bool enough;
            (word, enough) = _ownGrant(ask.modelId, Role.REQUESTER, ask.useClass, epoch);
            if (!enough) {
                (made.licensee, word) =
                    _useLimited(ask.modelId, epoch, version, msg.sender, Role.REQUESTER, ask.useClass, token, fee);
            }
        }
        UseClass operatorsUse = ask.useClass;
        uint16 royaltyBps;
        if (fee > 0) {
            operatorsUse = UseClass.COMMERCIAL; // of whoever is paid for serving, whatever the requester's is
            royaltyBps = word.royaltyBps();
            made.payTo = _payeeOf(word, ask.modelId, _holder(made.licensee, msg.sender), Role.REQUESTER);
        }
        pins = LaneWords.pins(_modeOf(ask.modelId, version, policy, Role.OPERATOR, operatorsUse), operatorsUse, epoch);
        made.requester = msg.sender;
        made.modelId = ask.modelId;
        made.operator = ask.operator;
        made.token = token;
        made.fee = fee;
        made.facts = RequestFacts.pack(
            ask.lane, seq, word.seq(), ask.deadline, ask.callbackGas, version, royaltyBps, ask.useClass
        );
    }

    /// @dev Uses the operator's license at the moment of its answer, under the terms the request is pinned to.
    function _useAsOperator(Request calldata request_, LaneWord pinned)
        private
        returns (address licensee, GrantWord word)
    {
        bool enough;
        (word, enough) = _ownGrant(request_.modelId, Role.OPERATOR, pinned.useClass(), pinned.epoch());
        if (!enough) {
            (licensee, word) = _useLimited(
                request_.modelId,
                pinned.epoch(),
                request_.facts.termsVersion(),
                msg.sender,
                Role.OPERATOR,
                pinned.useClass(),
                request_.token,
                request_.fee
            );
        }
    }

    function _requireOpen(Request calldata request_)
        private
        view
        returns (bytes32 id, Lane storage lane, LaneWord word)
    {
        id = idOf(request_);
        lane = _lanes[request_.requester][request_.facts.lane()];
        word = lane.word;
        if (!word.holds(State.OPEN, request_.facts.seq(), id)) revert NotOpen(id);
    }

    /// @dev Royalties, of the requester's and of the operator's grant, are rounded down; the rest is the operator's, so that
    /// nothing is lost. Each grant's is half the fee at most.
    function _settle(Request calldata request_, address operatorsLicensee, GrantWord operatorsGrant) private {
        uint256 fee = request_.fee;
        uint256 requesters = fee * request_.facts.royaltyBps() / 10_000;
        uint256 operators = fee * operatorsGrant.royaltyBps() / 10_000;
        address licensee = _holder(operatorsLicensee, msg.sender);
        _credit(request_.token, request_.payTo, requesters);
        _credit(request_.token, _payeeOf(operatorsGrant, request_.modelId, licensee, Role.OPERATOR), operators);
        _credit(request_.token, request_.operator, fee - requesters - operators);
    }

    /// @dev Whose grant it is: the licensee's, or where none is named the account's own.
    function _holder(address licensee, address account) private pure returns (address) {
        return licensee == address(0) ? account : licensee;
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
