// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IInferenceConsumer} from "../interfaces/IInferenceConsumer.sol";
import {Ask, IInferenceOracle, Request, State} from "../interfaces/IInferenceOracle.sol";
import {IPayments} from "../interfaces/IPayments.sol";
import {IRegistry} from "../interfaces/IRegistry.sol";
import {Terms} from "../interfaces/ITermsRegistry.sol";
import {Facts, RequestFacts} from "../types/Facts.sol";
import {Policy} from "../types/Policy.sol";

/// @title An oracle for the tests of a contract that asks: it answers when it is told to
/// @notice Has what a consumer calls, under the names, errors and events of `IInferenceOracle`: pass `IInferenceOracle(address(mock))`.
/// Fees, deadlines, lanes, callbacks in exactly their gas, refunds and credits are as they are there. Nobody has a license or needs
/// one: `refuse` says no for whatever reason a test is about. It is its own registry. What is not here (grants, the operator's own
/// functions) reverts.
contract MockInferenceOracle {
    /// @notice As solady's libraries say it in the oracle.
    error Overflow();
    error TransferFailed();
    error TransferFromFailed();

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

    /// @notice See `IPayments`.
    mapping(address token => mapping(address account => uint256)) public credits;

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
        _offers[modelId][operator][token] = Offer(true, minFee, maxCallbackGas);
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
        Request memory asked = _requests[id];
        Lane storage lane = _requireOpen(id, asked);
        if (block.timestamp > asked.facts.deadline()) {
            revert IInferenceOracle.DeadlinePassed(asked.facts.deadline());
        }
        if (output.length > MAX_OUTPUT_BYTES) revert IInferenceOracle.OutputTooLarge(output.length, MAX_OUTPUT_BYTES);

        bytes32 resultHash = resultHashOf(id, asked.modelId, output);
        (lane.state, lane.digest) = (State.FINAL, resultHash);
        _tills[asked.token][asked.modelId][asked.operator] += asked.fee;

        emit IInferenceOracle.Fulfilled(id, asked.operator, resultHash, 1, 0, output);

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

    /// @notice See `IInferenceOracle`.
    function request(Ask calldata ask, bytes calldata input) external payable returns (bytes32 id) {
        if (msg.value > type(uint96).max) revert Overflow();
        return _request(ask, input, address(0), uint96(msg.value));
    }

    /// @notice See `IInferenceOracle`.
    function requestWithToken(Ask calldata ask, bytes calldata input, address token, uint96 fee)
        external
        returns (bytes32 id)
    {
        id = _request(ask, input, token, fee);
        _pull(token, fee);
    }

    /// @notice See `IInferenceOracle`.
    function requestMany(Ask[] calldata asks, bytes[] calldata inputs, address token, uint96[] calldata fees)
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
        uint256 inEther = token == address(0) ? total : 0;
        if (msg.value != inEther) revert IPayments.FeeNotReceived(address(0), msg.value, inEther);
        if (token != address(0)) _pull(token, total);
    }

    /// @notice See `IInferenceOracle`.
    function refund(Request calldata asked) external {
        bytes32 id = idOf(asked);
        Lane storage lane = _requireOpen(id, asked);
        if (block.timestamp <= asked.facts.deadline()) {
            revert IInferenceOracle.DeadlineNotReached(asked.facts.deadline());
        }

        (lane.state, lane.digest) = (State.REFUNDED, 0);
        credits[asked.token][asked.requester] += asked.fee;

        emit IInferenceOracle.Refunded(id, asked.requester, asked.fee);
    }

    /// @notice See `IPayments`.
    function withdraw(address token, address account) external returns (uint256 amount) {
        return _pay(token, account, account);
    }

    /// @notice See `IPayments`.
    function withdrawTo(address token, address to) external returns (uint256 amount) {
        return _pay(token, msg.sender, to);
    }

    /// @notice What was asked under an id: what `refund` takes, and the input.
    function requestOf(bytes32 id) external view returns (Request memory asked, bytes memory input) {
        return (_requests[id], _inputs[id]);
    }

    /// @notice See `IInferenceOracle`.
    function offerOf(bytes32 modelId, address operator, address token)
        external
        view
        returns (bool serving, uint96 minFee, uint32 maxCallbackGas)
    {
        Offer memory offered = _offers[modelId][operator][token];
        return (offered.serving, offered.minFee, offered.maxCallbackGas);
    }

    /// @notice See `IInferenceOracle`.
    function stateOf(address requester, uint64 lane) external view returns (State state, uint32 seq, uint200 digest) {
        Lane memory last = _lanes[requester][lane];
        return (last.state, last.seq, uint200(uint256(last.digest)));
    }

    /// @notice See `IInferenceOracle`.
    function finalized(Request calldata asked, bytes calldata output) external view returns (bool) {
        Lane memory last = _lanes[asked.requester][asked.facts.lane()];
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
    function resultHashOf(bytes32 id, bytes32 modelId, bytes calldata output) public view returns (bytes32) {
        return keccak256(abi.encode(RESULT_TYPEHASH, block.chainid, address(this), id, modelId, keccak256(output)));
    }

    function _request(Ask calldata ask, bytes calldata input, address token, uint96 fee) private returns (bytes32 id) {
        if (input.length > MAX_INPUT_BYTES) revert IInferenceOracle.InputTooLarge(input.length, MAX_INPUT_BYTES);
        _requireTimely(ask.deadline);
        _requireOffered(ask, token, fee);
        Lane storage lane = _lanes[msg.sender][ask.lane];
        if (lane.state == State.OPEN) revert IInferenceOracle.LaneBusy(msg.sender, ask.lane);
        bytes memory refusal = _refusal;
        if (refusal.length > 0) {
            assembly ("memory-safe") {
                revert(add(refusal, 0x20), mload(refusal))
            }
        }

        Request memory made;
        (made.requester, made.modelId, made.inputHash) = (msg.sender, ask.modelId, keccak256(input));
        (made.operator, made.token, made.fee) = (ask.operator, token, fee);
        made.facts = _factsOf(ask, lane.seq + 1);
        id = idOf(made);
        (lane.state, lane.seq, lane.digest) = (State.OPEN, lane.seq + 1, id);
        (_requests[id], _inputs[id], lastId) = (made, input, id);

        emit IInferenceOracle.Requested(id, made.operator, made, input);
    }

    function _factsOf(Ask calldata ask, uint32 seq) private pure returns (Facts) {
        return RequestFacts.pack(ask.lane, seq, 0, ask.deadline, ask.callbackGas, 1, 0, ask.useClass);
    }

    function _requireTimely(uint40 deadline) private view {
        if (deadline <= block.timestamp) revert IInferenceOracle.DeadlinePassed(deadline);
        uint256 latest = block.timestamp + MAX_WINDOW;
        if (deadline > latest) revert IInferenceOracle.DeadlineTooFar(deadline, latest);
    }

    function _requireOffered(Ask calldata ask, address token, uint96 fee) private view {
        Offer memory offered = _offers[ask.modelId][ask.operator][token];
        if (!offered.serving) revert IInferenceOracle.OperatorNotServing(ask.modelId, ask.operator, token);
        if (fee < offered.minFee) revert IInferenceOracle.FeeTooLow(fee, offered.minFee);
        if (ask.callbackGas > offered.maxCallbackGas) {
            revert IInferenceOracle.CallbackGasTooHigh(ask.callbackGas, offered.maxCallbackGas);
        }
    }

    function _requireOpen(bytes32 id, Request memory asked) private view returns (Lane storage lane) {
        lane = _lanes[asked.requester][asked.facts.lane()];
        if (lane.state != State.OPEN || lane.digest != id) revert IInferenceOracle.NotOpen(id);
    }

    function _pay(address token, address account, address to) private returns (uint256 amount) {
        amount = credits[token][account];
        if (amount == 0) return 0;

        credits[token][account] = 0;

        emit IPayments.Withdrawn(token, account, to, amount);

        if (token == address(0)) {
            (bool paid,) = to.call{value: amount}("");
            if (!paid) revert IPayments.TransferFailed(to);
        } else {
            if (!_moved(token, abi.encodeCall(IToken.transfer, (to, amount)))) revert TransferFailed();
        }
    }

    function _pull(address token, uint256 amount) private {
        uint256 before = IToken(token).balanceOf(address(this));
        if (!_moved(token, abi.encodeCall(IToken.transferFrom, (msg.sender, address(this), amount)))) {
            revert TransferFromFailed();
        }
        uint256 received = IToken(token).balanceOf(address(this)) - before;
        if (received != amount) revert IPayments.FeeNotReceived(token, received, amount);
    }

    /// @dev Tokens that return nothing move too.
    function _moved(address token, bytes memory data) private returns (bool) {
        (bool done, bytes memory said) = token.call(data);
        return done && (said.length == 0 || abi.decode(said, (bool)));
    }
}

interface IToken {
    function balanceOf(address account) external view returns (uint256);
    function transfer(address to, uint256 amount) external returns (bool);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}
