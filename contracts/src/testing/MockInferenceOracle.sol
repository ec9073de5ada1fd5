// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IInferenceConsumer} from "../interfaces/IInferenceConsumer.sol";
import {Ask, IInferenceOracle, Request, State} from "../interfaces/IInferenceOracle.sol";
import {ILicenseRegistry} from "../interfaces/ILicenseRegistry.sol";
import {IPayments} from "../interfaces/IPayments.sol";
import {IRegistry} from "../interfaces/IRegistry.sol";
import {Terms} from "../interfaces/ITermsRegistry.sol";
import {Facts, RequestFacts} from "../types/Facts.sol";
import {Policy} from "../types/Policy.sol";
import {MockPayments} from "./MockPayments.sol";

/// @title An oracle for the tests of a contract that asks: it answers when it is told to
/// @notice Has what a consumer calls, under the names, errors and events of `IInferenceOracle`: pass `IInferenceOracle(address(mock))`.
/// Fees, deadlines, lanes, callbacks in exactly their gas, refunds, deposits, orders and credits are as they are there. Nobody has a
/// license or needs one: `refuse` says no for whatever reason a test is about. It is its own registry. What is not here (grants, the
/// operator's own functions) reverts.
contract MockInferenceOracle is MockPayments {
    struct Offer {
        bool serving;
        uint96 minFee;
        uint32 maxCallbackGas;
    }

    struct Lane {
        State state;
        uint32 seq;
        bytes32 digest; // the request's id, then its result's hash
    }

    uint256 private constant MAX_INPUT_BYTES = 24_640;
    uint256 private constant MAX_OUTPUT_BYTES = 1024;
    uint256 private constant MAX_WINDOW = 30 days;
    uint256 private constant CALL_OVERHEAD_GAS = 10_000;
    bytes32 private constant REQUEST_TYPEHASH = keccak256(
        "Request(uint256 chainId,address oracle,address requester,bytes32 modelId,bytes32 inputHash,address operator,address token,uint96 fee,address payTo,address licensee,uint256 facts)"
    );
    bytes32 private constant RESULT_TYPEHASH =
        keccak256("Result(uint256 chainId,address oracle,bytes32 id,bytes32 modelId,bytes32 outputHash)");
    bytes32 private constant ORDER_TYPEHASH = keccak256(
        "InferenceOrder(address requester,bytes32 modelId,bytes32 inputHash,address operator,address token,uint96 fee,uint8 items,uint64 lane,uint32 seq,uint40 deadline,uint32 callbackGas,uint24 termsVersion,uint8 useClass)"
    );
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");

    /// @notice The id of the last request.
    bytes32 public lastId;

    mapping(bytes32 modelId => mapping(address operator => mapping(address token => Offer))) private _offers;
    mapping(address requester => mapping(uint64 lane => Lane)) private _lanes;
    mapping(address token => mapping(bytes32 modelId => mapping(address operator => uint256))) private _tills;
    mapping(bytes32 id => Request) private _requests;
    mapping(bytes32 id => bytes) private _inputs;
    Terms private _terms;
    bytes private _refusal;

    /// @notice From now on the operator answers for the model: `IInferenceOracle.serve`, without being it.
    function offer(bytes32 modelId, address operator, address token, uint96 minFee, uint32 maxCallbackGas) external {
        Offer storage offered = _offered(modelId, operator, token);
        (offered.serving, offered.minFee, offered.maxCallbackGas) = (true, minFee, maxCallbackGas);
    }

    /// @notice From now on every request reverts with these bytes, such as
    /// `abi.encodeWithSelector(ILicenseRegistry.UseClosed.selector, ...)`; none: no longer.
    function refuse(bytes calldata reason) external {
        _refusal = reason;
    }

    /// @notice From now on these are the terms of every model, in their first version.
    function publish(Terms calldata terms) external {
        _terms = terms;
    }

    /// @notice Answers a request as its operator would, who is paid.
    /// @return called False: there is no callback, or it failed. The answer is final all the same.
    /// @return reason With which it failed.
    function answer(bytes32 id, bytes calldata output) external returns (bool called, bytes memory reason) {
        Request memory asked = _asked(id);
        _requireOpen(id, asked);
        _requireAnswerable(asked.facts, output);

        bytes32 resultHash = _finalize(id, asked, output);

        emit IInferenceOracle.Fulfilled(id, asked.operator, resultHash, 1, 0, output);

        return _callBack(id, asked, output);
    }

    /// @notice Answers an order as its operator would: `IInferenceOracle.fulfillOrder`, without being it. A key's signature has 65 bytes.
    /// @return called See `answer`.
    /// @return reason See `answer`.
    function answerOrder(Request memory order, bytes calldata signature, bytes calldata output)
        external
        returns (bool called, bytes memory reason)
    {
        Facts facts = order.facts;
        bool named = order.payTo != address(0) || order.licensee != address(0) || facts.licensed() != 0;
        if (named) revert IInferenceOracle.NotAnOrder();
        _requireAnswerable(facts, output);
        _requireNext(order.requester, facts.lane(), facts.seq());
        if (!_isSigned(order.requester, hashOrder(order), signature)) {
            revert ILicenseRegistry.InvalidSignature(order.requester);
        }
        _requireNotRefused();
        if (facts.termsVersion() != 1) revert IInferenceOracle.OrderForOtherTerms(facts.termsVersion(), 1);

        bytes32 id = idOf(order);
        _finalize(id, order, output);
        _spend(order.token, order.requester, order.fee);
        _logOrder(id, order, output);

        return _callBack(id, order, output);
    }

    /// @notice See `IInferenceOracle`.
    function cancelOrder(uint64 lane, uint32 seq) external {
        _requireNext(msg.sender, lane, seq);

        _set(msg.sender, lane, State.REFUNDED, seq, 0);

        emit IInferenceOracle.OrderCanceled(msg.sender, lane, seq);
    }

    /// @notice See `IInferenceOracle`.
    function request(Ask memory ask, bytes calldata input) external payable returns (bytes32 id) {
        if (msg.value > type(uint96).max) revert Overflow();
        return _request(ask, input, address(0), uint96(msg.value));
    }

    /// @notice See `IInferenceOracle`.
    function requestWithToken(Ask memory ask, bytes calldata input, address token, uint96 fee)
        external
        returns (bytes32 id)
    {
        id = _request(ask, input, token, fee);
        _pull(token, fee);
    }

    /// @notice See `IInferenceOracle`.
    function requestMany(Ask[] memory asks, bytes[] calldata inputs, address token, uint96[] calldata fees)
        external
        payable
        returns (bytes32[] memory ids)
    {
        if (asks.length != inputs.length) revert IPayments.UnequalLists(asks.length, inputs.length);
        if (asks.length != fees.length) revert IPayments.UnequalLists(asks.length, fees.length);
        ids = new bytes32[](asks.length);
        uint256 total;
        for (uint256 i; i < asks.length; ++i) {
            total += fees[i];
            ids[i] = _request(asks[i], inputs[i], token, fees[i]);
        }
        _requireSent(token, total);
        if (token != address(0)) _pull(token, total);
    }

    /// @notice See `IInferenceOracle`.
    function refund(Request memory asked) external {
        bytes32 id = idOf(asked);
        _requireOpen(id, asked);
        if (block.timestamp <= asked.facts.deadline()) {
            revert IInferenceOracle.DeadlineNotReached(asked.facts.deadline());
        }

        _set(asked.requester, asked.facts.lane(), State.REFUNDED, asked.facts.seq(), 0);
        credits[asked.token][asked.requester] += asked.fee;

        emit IInferenceOracle.Refunded(id, asked.requester, asked.fee);
    }

    /// @notice What was asked under an id: what `refund` takes, and the input.
    function requestOf(bytes32 id) external view returns (Request memory asked, bytes memory input) {
        return (_asked(id), _inputs[id]);
    }

    /// @notice See `IInferenceOracle`.
    function offerOf(bytes32 modelId, address operator, address token)
        external
        view
        returns (bool serving, uint96 minFee, uint32 maxCallbackGas)
    {
        Offer storage offered = _offered(modelId, operator, token);
        return (offered.serving, offered.minFee, offered.maxCallbackGas);
    }

    /// @notice See `IInferenceOracle`.
    function stateOf(address requester, uint64 lane) external view returns (State state, uint32 seq, uint200 digest) {
        Lane storage last = _lane(requester, lane);
        return (last.state, last.seq, uint200(uint256(last.digest)));
    }

    /// @notice See `IInferenceOracle`.
    function finalized(Request memory asked, bytes calldata output) external view returns (bool) {
        Lane storage last = _lane(asked.requester, asked.facts.lane());
        return last.state == State.FINAL && last.digest == resultHashOf(idOf(asked), asked.modelId, output);
    }

    /// @notice See `IPayments`.
    function tillOf(address token, bytes32 modelId, address operator) external view returns (uint256, uint256) {
        return (_tills[token][modelId][operator], 0);
    }

    /// @notice See `IPayments`.
    function REGISTRY() external view returns (IRegistry) {
        return IRegistry(address(this));
    }

    /// @notice See `ITermsRegistry`.
    function termsInForce(bytes32) external view returns (uint24 version, Policy policy) {
        return (1, _terms.policy);
    }

    /// @notice See `ITermsRegistry`.
    function termsOf(bytes32, uint24 version) external view returns (Terms memory terms) {
        return version == 1 ? _terms : terms;
    }

    /// @notice See `IInferenceOracle`.
    function idOf(Request memory asked) public view returns (bytes32) {
        return keccak256(abi.encode(REQUEST_TYPEHASH, block.chainid, address(this), asked));
    }

    /// @notice See `IInferenceOracle`.
    function hashOrder(Request memory order) public view returns (bytes32) {
        bytes memory signed = new bytes(0x1c0);
        bytes32 typehash = ORDER_TYPEHASH;
        assembly ("memory-safe") {
            let word := add(signed, 0x20)
            mstore(word, typehash)
            for { let end := add(order, 0xc0) } lt(order, end) { order := add(order, 0x20) } {
                word := add(word, 0x20)
                mstore(word, mload(order)) // requester, modelId, inputHash, operator, token, fee
            }
            let facts := mload(add(order, 0x40))
            mstore(add(word, 0x20), shr(248, facts)) // items
            mstore(add(word, 0x40), and(shr(184, facts), 0xffffffffffffffff)) // lane
            mstore(add(word, 0x60), and(shr(152, facts), 0xffffffff)) // seq
            mstore(add(word, 0x80), and(shr(80, facts), 0xffffffffff)) // deadline
            mstore(add(word, 0xa0), and(shr(48, facts), 0xffffffff)) // callbackGas
            mstore(add(word, 0xc0), and(shr(24, facts), 0xffffff)) // termsVersion
            mstore(add(word, 0xe0), and(facts, 0xff)) // useClass
        }
        bytes32 domain =
            keccak256(abi.encode(DOMAIN_TYPEHASH, keccak256("Themis"), keccak256("1"), block.chainid, address(this)));
        return keccak256(abi.encodePacked(hex"1901", domain, keccak256(signed)));
    }

    /// @notice See `IInferenceOracle`.
    function resultHashOf(bytes32 id, bytes32 modelId, bytes calldata output) public view returns (bytes32) {
        return keccak256(abi.encode(RESULT_TYPEHASH, block.chainid, address(this), id, modelId, keccak256(output)));
    }

    function _request(Ask memory ask, bytes calldata input, address token, uint96 fee) private returns (bytes32 id) {
        if (input.length > MAX_INPUT_BYTES) revert IInferenceOracle.InputTooLarge(input.length, MAX_INPUT_BYTES);
        _requireTimely(ask.deadline);
        _requireOffered(ask, token, fee);
        uint32 seq = _nextOf(msg.sender, ask.lane);
        _requireNotRefused();

        Request memory made;
        (made.requester, made.modelId, made.inputHash) = (msg.sender, ask.modelId, keccak256(input));
        (made.operator, made.token, made.fee) = (ask.operator, token, fee);
        made.facts = _factsOf(ask, seq);
        id = idOf(made);
        _set(msg.sender, ask.lane, State.OPEN, seq, id);
        (_requests[id], _inputs[id], lastId) = (made, input, id);

        emit IInferenceOracle.Requested(id, made.operator, made, input);
    }

    function _factsOf(Ask memory ask, uint32 seq) private pure returns (Facts) {
        return RequestFacts.pack(ask.lane, seq, 0, ask.deadline, ask.callbackGas, 1, 0, ask.useClass);
    }

    function _requireTimely(uint40 deadline) private view {
        if (deadline <= block.timestamp) revert IInferenceOracle.DeadlinePassed(deadline);
        uint256 latest = block.timestamp + MAX_WINDOW;
        if (deadline > latest) revert IInferenceOracle.DeadlineTooFar(deadline, latest);
    }

    function _requireOffered(Ask memory ask, address token, uint96 fee) private view {
        Offer storage offered = _offered(ask.modelId, ask.operator, token);
        if (!offered.serving) revert IInferenceOracle.OperatorNotServing(ask.modelId, ask.operator, token);
        if (fee < offered.minFee) revert IInferenceOracle.FeeTooLow(fee, offered.minFee);
        if (ask.callbackGas > offered.maxCallbackGas) {
            revert IInferenceOracle.CallbackGasTooHigh(ask.callbackGas, offered.maxCallbackGas);
        }
    }

    function _offered(bytes32 modelId, address operator, address token) private view returns (Offer storage) {
        return _offers[modelId][operator][token];
    }

    function _asked(bytes32 id) private view returns (Request memory) {
        return _requests[id];
    }

    function _finalize(bytes32 id, Request memory made, bytes calldata output) private returns (bytes32 resultHash) {
        resultHash = resultHashOf(id, made.modelId, output);
        _set(made.requester, made.facts.lane(), State.FINAL, made.facts.seq(), resultHash);
        _tills[made.token][made.modelId][made.operator] += made.fee;
    }

    function _lane(address requester, uint64 lane) private view returns (Lane storage) {
        return _lanes[requester][lane];
    }

    function _set(address requester, uint64 lane, State state, uint32 seq, bytes32 digest) private {
        Lane storage own = _lane(requester, lane);
        (own.state, own.seq, own.digest) = (state, seq, digest);
    }

    function _requireOpen(bytes32 id, Request memory asked) private view {
        Lane storage lane = _lane(asked.requester, asked.facts.lane());
        if (lane.state != State.OPEN || lane.digest != id) revert IInferenceOracle.NotOpen(id);
    }

    function _requireAnswerable(Facts facts, bytes calldata output) private view {
        if (block.timestamp > facts.deadline()) revert IInferenceOracle.DeadlinePassed(facts.deadline());
        if (output.length > MAX_OUTPUT_BYTES) revert IInferenceOracle.OutputTooLarge(output.length, MAX_OUTPUT_BYTES);
    }

    function _requireNext(address requester, uint64 lane, uint32 seq) private view {
        uint32 next = _nextOf(requester, lane);
        if (seq != next) revert IInferenceOracle.NotNext(seq, next);
    }

    /// @dev The next number of a lane, in which nothing is open.
    function _nextOf(address requester, uint64 lane) private view returns (uint32) {
        Lane storage last = _lane(requester, lane);
        if (last.state == State.OPEN) revert IInferenceOracle.LaneBusy(requester, lane);
        return last.seq + 1;
    }

    function _requireNotRefused() private view {
        bytes memory refusal = _refusal;
        if (refusal.length == 0) return;
        assembly ("memory-safe") {
            revert(add(refusal, 0x20), mload(refusal))
        }
    }

    function _isSigned(address signer, bytes32 digest, bytes calldata signature) private view returns (bool) {
        if (signature.length == 65 && signer != address(0)) {
            (bytes32 r, bytes32 s) = abi.decode(signature[:64], (bytes32, bytes32));
            if (ecrecover(digest, uint8(signature[64]), r, s) == signer) return true;
        }
        bytes memory call = abi.encodeCall(IWallet.isValidSignature, (digest, signature));
        (bool done, bytes memory said) = signer.staticcall(call);
        return done && said.length >= 32 && abi.decode(said, (bytes32)) == bytes32(IWallet.isValidSignature.selector);
    }

    function _logOrder(bytes32 id, Request memory made, bytes calldata output) private {
        emit IInferenceOracle.OrderFulfilled(
            id,
            made.operator,
            made.requester,
            made.modelId,
            made.inputHash,
            made.token,
            made.fee,
            made.facts,
            0,
            0,
            output
        );
    }

    function _callBack(bytes32 id, Request memory asked, bytes calldata output)
        private
        returns (bool called, bytes memory reason)
    {
        uint256 callbackGas = asked.facts.callbackGas();
        if (callbackGas == 0) return (false, "");
        uint256 required = callbackGas + callbackGas / 63 + CALL_OVERHEAD_GAS;
        if (gasleft() < required) revert IInferenceOracle.InsufficientGas(gasleft(), required);
        bytes memory data = abi.encodeCall(IInferenceConsumer.onInference, (id, asked.facts.lane(), output));
        (called, reason) = asked.requester.call{gas: callbackGas}(data);
        if (gasleft() < callbackGas / 63) revert IInferenceOracle.InsufficientGas(gasleft(), callbackGas / 63);
        if (called) reason = "";
        else emit IInferenceOracle.CallbackFailed(id);
    }
}

interface IWallet {
    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4);
}
