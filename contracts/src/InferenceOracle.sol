// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EIP712} from "solady/utils/EIP712.sol";
import {LibCall} from "solady/utils/LibCall.sol";
import {SafeCastLib} from "solady/utils/SafeCastLib.sol";

import {Lens} from "./Lens.sol";
import {Payments} from "./Payments.sol";
import {IERC165} from "./interfaces/IERC165.sol";
import {IInferenceConsumer} from "./interfaces/IInferenceConsumer.sol";
import {Ask, IInferenceOracle, Request, State} from "./interfaces/IInferenceOracle.sol";
import {Grant, License, Role, UseClass} from "./interfaces/ILicenseRegistry.sol";
import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {IPayments} from "./interfaces/IPayments.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";
import {Orders} from "./libraries/Orders.sol";
import {Requests} from "./libraries/Requests.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {RequestFacts} from "./types/Facts.sol";
import {GrantWords} from "./types/GrantWord.sol";
import {LaneWord, LaneWords} from "./types/LaneWord.sol";
import {GrantLimits, Limits, Uses} from "./types/Limits.sol";
import {Mode} from "./types/Policy.sol";

/// @title Themis: requests, answers and payment
/// @notice A market: it holds open fees, tills and credits and nothing else. Immutable, without owner. Who may use which model is
/// written in its registry, which it reads and never changes.
/// @dev Every function: checks, effects, event, interaction. Only answers, withdrawals and requests paid in tokens interact, as
/// their last step, so there is nothing a reentrant call could find half done. Payments are taken one at a time: see `_pull`.
/// @custom:security-contact See SECURITY.md
contract InferenceOracle is IInferenceOracle, IERC165, Payments, EIP712 {
    using GrantLimits for Limits;
    using GrantLimits for Uses;

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
    bytes32 public constant RESULT_TYPEHASH = Requests.RESULT_TYPEHASH;

    /// @notice The largest input: the code of a contract (EIP-170) and two words.
    uint256 public constant MAX_INPUT_BYTES = 24_640;

    /// @notice The largest output. It is paid for by the operator.
    uint256 public constant MAX_OUTPUT_BYTES = 1024;

    /// @notice The longest time between a request and its deadline: milliseconds taken for seconds lock no fee for ever.
    uint256 public constant MAX_WINDOW = 30 days;

    /// @dev Two cold accounts (the consumer's, and under EIP-7702 that of its code) and the steps up to the call, with room for dearer
    /// ones. That the callback had its gas is checked again after it, whatever such things cost by then.
    uint256 private constant CALL_OVERHEAD_GAS = 10_000;

    /// @inheritdoc IInferenceOracle
    address public immutable LENS;

    /// @dev Requests made before a fork that took a new chain id can still be refunded.
    uint256 private immutable FIRST_CHAIN_ID;

    mapping(bytes32 modelId => mapping(address operator => mapping(address token => Offer))) private _offers;
    mapping(address requester => mapping(uint64 lane => Lane)) private _lanes;
    mapping(bytes32 grantHash => Uses) private _uses;

    /// @param registry Whose models are served here.
    constructor(IRegistry registry) Payments(registry) {
        FIRST_CHAIN_ID = block.chainid;
        LENS = address(new Lens(this));
    }

    /// @inheritdoc IInferenceOracle
    function serve(bytes32 modelId, address token, uint96 minFee, uint32 maxCallbackGas) external {
        if (REGISTRY.licensorOf(modelId) == address(0)) revert IModelRegistry.UnknownModel(modelId);

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
        (bytes32 id, Lane storage lane, LaneWord word) = _requireOpen(request_, block.chainid);
        _requireAnswerable(id, request_, output);

        bytes32 resultHash = resultHashOf(id, request_.modelId, output);
        lane.word = LaneWords.pack(State.FINAL, request_.facts.seq(), resultHash);
        License memory license; // zero where the policy is open
        if (word.mode() == Mode.GRANT) license = _useAsOperator(request_, word);
        pay = _settle(id, request_, request_.payTo, request_.facts.royaltyBps(), license, minPay);

        uint24 version = request_.facts.termsVersion();
        emit Fulfilled(id, msg.sender, resultHash, version, license.word.royaltyBps(), output);

        _callBack(id, request_, output);
    }

    /// @inheritdoc IInferenceOracle
    function fulfillOrder(Request calldata order, bytes calldata signature, bytes calldata output, uint96 minPay)
        external
        returns (uint256 pay)
    {
        if (!Orders.isOrder(order)) revert NotAnOrder();
        bytes32 id = idOf(order);
        _requireAnswerable(id, order, output);
        Lane storage lane = _laneOf(order);
        _requireNext(lane.word, order.requester, order.facts.lane(), order.facts.seq());
        Signatures.requireValid(order.requester, hashOrder(order), signature);

        lane.word = LaneWords.pack(State.FINAL, order.facts.seq(), resultHashOf(id, order.modelId, output));
        (License memory requesters, License memory operators) = _useBoth(order);
        if (order.fee > 0) _spend(order.token, order.requester, order.fee);
        uint16 royaltyBps = requesters.word.royaltyBps();
        pay = _settle(id, order, requesters.payTo, royaltyBps, operators, minPay);

        emit OrderFulfilled(
            id,
            msg.sender,
            order.requester,
            order.modelId,
            order.inputHash,
            order.token,
            order.fee,
            order.facts,
            royaltyBps,
            operators.word.royaltyBps(),
            output
        );

        _callBack(id, order, output);
    }

    /// @inheritdoc IInferenceOracle
    function cancelOrder(uint64 lane, uint32 seq) external {
        Lane storage own = _lanes[msg.sender][lane];
        _requireNext(own.word, msg.sender, lane, seq);

        own.word = LaneWords.pack(State.REFUNDED, seq, 0);

        emit OrderCanceled(msg.sender, lane, seq);
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
            (bool done, bytes memory reason) =
                address(this).delegatecall(abi.encodeCall(this.fulfill, (requests[i], outputs[i], minPays[i])));
            if (done) ++fulfilled;
            else emit NotFulfilled(idOf(requests[i]), msg.sender, reason);
        }
        if (fulfilled == 0) revert NothingFulfilled();
    }

    /// @inheritdoc IInferenceOracle
    function refund(Request calldata request_) external {
        bytes32 now_ = Requests.ofCalldata(request_, block.chainid);
        bool isOfNow = _laneOf(request_).word.holds(State.OPEN, request_.facts.seq(), now_);
        (bytes32 id, Lane storage lane, LaneWord word) =
            _requireOpen(request_, isOfNow ? block.chainid : FIRST_CHAIN_ID);
        if (block.timestamp <= request_.facts.deadline()) revert DeadlineNotReached(request_.facts.deadline());

        lane.word = LaneWords.pack(State.REFUNDED, request_.facts.seq(), 0);
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
        Offer memory offer = _offers[modelId][operator][token];
        return (offer.serving, offer.minFee, offer.maxCallbackGas);
    }

    /// @inheritdoc IInferenceOracle
    function usesOf(bytes32 grantHash) external view returns (Uses memory) {
        return _uses[grantHash];
    }

    /// @inheritdoc IInferenceOracle
    function stateOf(address requester, uint64 lane) external view returns (State state, uint32 seq, uint200 digest) {
        LaneWord word = _lanes[requester][lane].word;
        return (word.state(), word.seq(), word.digest());
    }

    /// @inheritdoc IInferenceOracle
    function laneOf(address requester, uint64 lane) external view returns (LaneWord) {
        return _lanes[requester][lane].word;
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
    function hashOrder(Request calldata order) public view returns (bytes32) {
        return _hashTypedData(Orders.structHash(order));
    }

    /// @inheritdoc IInferenceOracle
    function resultHashOf(bytes32 id, bytes32 modelId, bytes calldata output) public view returns (bytes32) {
        return Requests.resultHash(address(this), id, modelId, output);
    }

    function _request(Ask calldata ask, bytes calldata input, address token, uint96 fee) private returns (bytes32 id) {
        if (input.length > MAX_INPUT_BYTES) revert InputTooLarge(input.length, MAX_INPUT_BYTES);
        _requireTimely(ask.deadline);
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

    /// @return minFee What the operator asks for, once the requester's royalty is off the fee.
    function _requireOffered(Ask calldata ask, address token) private view returns (uint96 minFee) {
        Offer storage offer = _offers[ask.modelId][ask.operator][token];
        if (!offer.serving) revert OperatorNotServing(ask.modelId, ask.operator, token);
        if (ask.callbackGas > offer.maxCallbackGas) revert CallbackGasTooHigh(ask.callbackGas, offer.maxCallbackGas);
        return offer.minFee;
    }

    /// @dev Uses the requester's license, and checks that an operator can have one; fills in all but `inputHash`.
    /// @return made The request.
    /// @return pins What the lane's word keeps besides: what the operator's license must be.
    function _licensed(Ask calldata ask, address token, uint96 fee, uint32 seq)
        private
        returns (Request memory made, LaneWord pins)
    {
        uint96 minFee = _requireOffered(ask, token);
        // a paid answer is commercial use of whoever gives it, whatever the requester's is
        UseClass operatorsUse = fee > 0 ? UseClass.COMMERCIAL : ask.useClass;
        (License memory license, uint24 version, uint16 epoch, Mode mode) =
            REGISTRY.licenseNow(ask.modelId, msg.sender, ask.useClass, operatorsUse);
        uint16 royaltyBps = fee > 0 ? license.word.royaltyBps() : 0;
        uint256 net = fee - uint256(fee) * royaltyBps / 10_000;
        if (net < minFee) revert FeeTooLow(net, minFee);
        _count(license, ask.modelId, msg.sender, Role.REQUESTER, token, fee, 1);

        pins = LaneWords.pins(mode, operatorsUse, epoch);
        made.requester = msg.sender;
        made.modelId = ask.modelId;
        made.operator = ask.operator;
        made.token = token;
        made.fee = fee;
        if (royaltyBps > 0) made.payTo = license.payTo;
        made.licensee = license.licensee;
        made.facts = RequestFacts.pack(
            ask.lane, seq, license.word.seq(), ask.deadline, ask.callbackGas, version, royaltyBps, ask.useClass
        );
    }

    /// @dev Uses the operator's license at the moment of its answer, under the terms and in the epoch the request is pinned to.
    function _useAsOperator(Request calldata request_, LaneWord pinned) private returns (License memory license) {
        license = REGISTRY.pinnedLicense(
            request_.modelId,
            msg.sender,
            Role.OPERATOR,
            pinned.useClass(),
            request_.facts.termsVersion(),
            pinned.epoch()
        );
        _count(license, request_.modelId, msg.sender, Role.OPERATOR, request_.token, request_.fee, 1);
    }

    /// @dev Uses both licenses of an order, under the terms that it names and that are in force.
    /// @return The requester's, and the operator's.
    function _useBoth(Request calldata order) private returns (License memory, License memory) {
        UseClass useClass = order.facts.useClass();
        UseClass operatorsUse = order.fee > 0 ? UseClass.COMMERCIAL : useClass;
        (License memory requesters, License memory operators, uint24 version) =
            REGISTRY.licensesNow(order.modelId, order.requester, useClass, msg.sender, operatorsUse);
        if (version != order.facts.termsVersion()) revert OrderForOtherTerms(order.facts.termsVersion(), version);
        uint256 uses = order.facts.items() > 0 ? order.facts.items() : 1;
        _count(requesters, order.modelId, order.requester, Role.REQUESTER, order.token, order.fee, uses);
        _count(operators, order.modelId, msg.sender, Role.OPERATOR, order.token, order.fee, uses);
        return (requesters, operators);
    }

    /// @dev So many uses more of a grant with limits. Reverts with the reason where they are not left.
    function _count(
        License memory license,
        bytes32 modelId,
        address account,
        Role role,
        address token,
        uint96 fee,
        uint256 more
    ) private {
        if (!license.word.has(GrantWords.COUNTED | GrantWords.FLOORED)) return;
        address licensee = _holder(license.licensee, account);
        Limits memory limits = REGISTRY.limitsOf(modelId, licensee, role, license.word.seq());
        Uses memory uses = _uses[limits.digest];
        limits.check(uses, modelId, licensee, role, token, fee, more, address(this));
        if (limits.market != address(0)) {
            _uses[limits.digest] = Uses(uses.total + uint32(more), uses.onDay() + uint32(more), GrantLimits.today());
        }
    }

    /// @dev Gives a use back to the grant it was taken from, if that is still there: in a later epoch another may have its number. The
    /// day's rate is not given back.
    function _release(Request calldata request_, uint16 epoch) private {
        if (REGISTRY.epochOf(request_.modelId) != epoch) return;
        address licensee = _holder(request_.licensee, request_.requester);
        Limits memory limits = REGISTRY.limitsOf(request_.modelId, licensee, Role.REQUESTER, request_.facts.grantSeq());
        Uses storage uses = _uses[limits.digest];
        if (limits.market == address(this) && uses.total > 0) --uses.total;
    }

    function _requireOpen(Request calldata request_, uint256 chainId)
        private
        view
        returns (bytes32 id, Lane storage lane, LaneWord word)
    {
        id = Requests.ofCalldata(request_, chainId);
        lane = _laneOf(request_);
        word = lane.word;
        if (!word.holds(State.OPEN, request_.facts.seq(), id)) revert NotOpen(id);
    }

    function _laneOf(Request calldata request_) private view returns (Lane storage) {
        return _lanes[request_.requester][request_.facts.lane()];
    }

    function _requireAnswerable(bytes32 id, Request calldata request_, bytes calldata output) private view {
        if (block.timestamp > request_.facts.deadline()) revert DeadlinePassed(request_.facts.deadline());
        if (msg.sender != request_.operator) revert NotOperator(id, msg.sender, request_.operator);
        if (output.length > MAX_OUTPUT_BYTES) revert OutputTooLarge(output.length, MAX_OUTPUT_BYTES);
    }

    /// @dev Whether an order is the next thing in its lane, in which nothing is open.
    function _requireNext(LaneWord last, address requester, uint64 lane, uint32 seq) private pure {
        if (last.state() == State.OPEN) revert LaneBusy(requester, lane);
        if (seq != last.seq() + 1) revert NotNext(seq, last.seq() + 1);
    }

    /// @dev Royalties, of the requester's and of the operator's grant, are rounded down; the rest is the operator's, so that nothing is
    /// lost. Each grant's is half the fee at most. A royalty without a payee of its own is the model's.
    function _settle(
        bytes32 id,
        Request calldata request_,
        address payTo,
        uint256 royaltyBps,
        License memory license,
        uint96 minPay
    ) private returns (uint256 pay) {
        uint256 fee = request_.fee;
        uint256 requesters;
        uint256 operators;
        unchecked {
            requesters = fee * royaltyBps / 10_000;
            operators = fee * license.word.royaltyBps() / 10_000;
            pay = fee - requesters - operators;
        }
        if (pay < minPay) revert PayTooLow(pay, minPay);
        if (fee == 0) return 0;
        uint256 models = _payRoyalty(id, request_.token, payTo, Role.REQUESTER, requesters);
        models += _payRoyalty(id, request_.token, license.payTo, Role.OPERATOR, operators);
        _fill(request_.token, request_.modelId, msg.sender, pay, models);
    }

    /// @return models What is the model's: all of it, unless the grant names a payee.
    function _payRoyalty(bytes32 id, address token, address payTo, Role role, uint256 amount)
        private
        returns (uint256 models)
    {
        if (payTo == address(0) || amount == 0) return amount;
        _credit(token, payTo, amount);
        emit RoyaltyPaid(id, payTo, role, amount);
    }

    /// @dev Whose grant it is: the licensee's, or where none is named the account's own.
    function _holder(address licensee, address account) private pure returns (address) {
        return licensee == address(0) ? account : licensee;
    }

    /// @dev Exactly `gasLimit` gas or a revert: the operator cannot starve a callback and be paid for it. EIP-150 passes on 63/64 at
    /// most, so whoever had its gas has left a 63rd of it here, whatever else the call cost. What the callback does or returns has no
    /// effect.
    function _callBack(bytes32 id, Request calldata request_, bytes calldata output) private {
        uint256 gasLimit = request_.facts.callbackGas();
        if (gasLimit == 0) return;
        bytes memory data = abi.encodeCall(IInferenceConsumer.onInference, (id, request_.facts.lane(), output));
        uint256 required = gasLimit + gasLimit / 63 + CALL_OVERHEAD_GAS;
        if (gasleft() < required) revert InsufficientGas(gasleft(), required);
        (bool done,,) = LibCall.tryCall(request_.requester, 0, gasLimit, 0, data);
        if (gasleft() < gasLimit / 63) revert InsufficientGas(gasleft(), gasLimit / 63);
        if (!done) emit CallbackFailed(id);
    }

    function _domainNameAndVersion() internal pure override returns (string memory, string memory) {
        return ("Themis", "1");
    }
}
