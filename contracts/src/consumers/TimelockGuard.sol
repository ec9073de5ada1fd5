// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IInferenceOracle, Ask} from "../interfaces/IInferenceOracle.sol";
import {UseClass} from "../interfaces/ILicenseRegistry.sol";
import {Report, RiskReport} from "../libraries/RiskReport.sol";
import {InferenceConsumer} from "./InferenceConsumer.sol";

/// @title A DAO's timelock that takes more time when a model sees a risk
/// @notice The owner schedules calls, anyone executes them after their delay. In between anyone may pay for a risk report about
/// the called contract. A high score lengthens the delay, once. No report ever rejects a call or shortens its delay, and
/// without a report this is a plain timelock.
contract TimelockGuard is InferenceConsumer {
    using RiskReport for Report;

    struct Config {
        address owner; // the DAO: schedules and cancels
        bytes32 modelId; // a model that answers with a `RiskReport`
        address operator; // who answers
        UseClass useClass; // the DAO's use of the model
        uint40 delay; // seconds from schedule to execution
        uint40 extraDelay; // seconds added by a flag
        uint40 answerWindow; // seconds an operator has to answer
        uint16 thresholdBps; // a score at or above it is a flag
        uint32 callbackGas;
    }

    struct Operation {
        address target;
        uint40 eta; // seconds; executable from here on
        bool flagged;
        bool closed; // executed or canceled
    }

    /// @notice A call was scheduled.
    event Scheduled(bytes32 indexed opId, address indexed target, uint256 value, bytes data, uint40 eta);
    /// @notice The oracle was asked about an operation's target.
    event Asked(bytes32 indexed opId, bytes32 indexed requestId);
    /// @notice The answer about an operation's target, decoded.
    event Assessed(
        bytes32 indexed opId,
        bytes32 indexed requestId,
        uint16[6] scoresBps,
        uint16 coverageBps,
        uint16 programCounter,
        bool flagged
    );
    /// @notice A flag moved the operation's earliest execution to `eta`.
    event Lengthened(bytes32 indexed opId, uint40 eta);
    /// @notice The call was made.
    event Executed(bytes32 indexed opId);
    /// @notice The owner withdrew the call.
    event Canceled(bytes32 indexed opId);

    /// @notice Only the owner schedules and cancels.
    error NotOwner(address caller, address owner);
    /// @notice The same call with the same salt was scheduled before.
    error AlreadyScheduled(bytes32 opId);
    /// @notice Never scheduled so, executed or canceled.
    error NotPending(bytes32 opId);
    /// @notice Executable from `eta` on.
    error TooEarly(bytes32 opId, uint40 eta);
    /// @notice Not a request of this guard that is unanswered.
    error UnknownRequest(bytes32 requestId);
    /// @notice The call reverted, with this reason.
    error OperationFailed(bytes32 opId, bytes reason);

    address public immutable OWNER;
    bytes32 public immutable MODEL_ID;
    address public immutable OPERATOR;
    UseClass public immutable USE_CLASS;
    uint40 public immutable DELAY;
    uint40 public immutable EXTRA_DELAY;
    uint40 public immutable ANSWER_WINDOW;
    uint16 public immutable THRESHOLD_BPS;
    uint32 public immutable CALLBACK_GAS;

    mapping(bytes32 opId => Operation) public operations;

    /// @notice The operation an unanswered request is about.
    mapping(bytes32 requestId => bytes32 opId) public askedFor;

    constructor(IInferenceOracle oracle, Config memory config) InferenceConsumer(oracle) {
        OWNER = config.owner;
        MODEL_ID = config.modelId;
        OPERATOR = config.operator;
        USE_CLASS = config.useClass;
        DELAY = config.delay;
        EXTRA_DELAY = config.extraDelay;
        ANSWER_WINDOW = config.answerWindow;
        THRESHOLD_BPS = config.thresholdBps;
        CALLBACK_GAS = config.callbackGas;
    }

    modifier onlyOwner() {
        if (msg.sender != OWNER) revert NotOwner(msg.sender, OWNER);
        _;
    }

    /// @notice Schedules a call. The same call can be scheduled again with another salt.
    function schedule(address target, uint256 value, bytes calldata data, bytes32 salt)
        external
        onlyOwner
        returns (bytes32 opId)
    {
        opId = opIdOf(target, value, data, salt);
        if (operations[opId].eta != 0) revert AlreadyScheduled(opId);
        uint40 eta = uint40(block.timestamp) + DELAY;

        operations[opId] = Operation(target, eta, false, false);

        emit Scheduled(opId, target, value, data, eta);
    }

    /// @notice Withdraws a scheduled call.
    function cancel(bytes32 opId) external onlyOwner {
        _requirePending(opId);

        operations[opId].closed = true;

        emit Canceled(opId);
    }

    /// @notice Asks the oracle about a scheduled call's target. Anyone who pays the fee; if no answer comes, it is refunded to
    /// this contract. One open request per operation.
    function ask(bytes32 opId) external payable returns (bytes32 requestId) {
        _requirePending(opId);

        requestId = _ask(
            Ask({
                modelId: MODEL_ID,
                operator: OPERATOR,
                useClass: USE_CLASS,
                lane: uint64(uint256(opId)),
                deadline: uint40(block.timestamp) + ANSWER_WINDOW,
                callbackGas: CALLBACK_GAS
            }),
            _codeInput(operations[opId].target),
            msg.value
        );
        askedFor[requestId] = opId;

        emit Asked(opId, requestId);
    }

    /// @notice Makes a scheduled call whose delay is over. Anyone; the value comes from this contract's balance.
    function execute(address target, uint256 value, bytes calldata data, bytes32 salt)
        external
        payable
        returns (bytes memory result)
    {
        bytes32 opId = opIdOf(target, value, data, salt);
        Operation memory operation = _requirePending(opId);
        if (block.timestamp < operation.eta) revert TooEarly(opId, operation.eta);

        operations[opId].closed = true;

        emit Executed(opId);

        bool done;
        (done, result) = target.call{value: value}(data);
        if (!done) revert OperationFailed(opId, result);
    }

    /// @notice What whoever shows this guard's reports has to say ("Built with ..."), and the hash of the terms that ask for it.
    function attribution() external view returns (string memory text, bytes32 termsHash) {
        return _attribution(MODEL_ID);
    }

    /// @notice keccak256(abi.encode(target, value, data, salt)).
    function opIdOf(address target, uint256 value, bytes calldata data, bytes32 salt) public pure returns (bytes32) {
        return keccak256(abi.encode(target, value, data, salt));
    }

    /// @dev A report that comes after the operation is closed, or a second flag, is logged and moves nothing.
    function _onInference(bytes32 requestId, bytes calldata output) internal override {
        bytes32 opId = askedFor[requestId];
        if (opId == 0) revert UnknownRequest(requestId);
        Report memory report = RiskReport.decode(output);
        Operation memory operation = operations[opId];
        bool flagged = report.worst() >= THRESHOLD_BPS;

        delete askedFor[requestId];
        emit Assessed(opId, requestId, report.scoresBps, report.coverageBps, report.programCounter, flagged);
        if (flagged && !operation.flagged && !operation.closed) {
            operations[opId] = Operation(operation.target, operation.eta + EXTRA_DELAY, true, false);
            emit Lengthened(opId, operation.eta + EXTRA_DELAY);
        }
    }

    function _requirePending(bytes32 opId) private view returns (Operation memory operation) {
        operation = operations[opId];
        if (operation.eta == 0 || operation.closed) revert NotPending(opId);
    }
}
