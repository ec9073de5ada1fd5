// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ask, IInferenceOracle} from "../interfaces/IInferenceOracle.sol";
import {UseClass} from "../interfaces/ILicenseRegistry.sol";
import {CodePointers} from "../libraries/CodePointers.sol";
import {Report, RiskReport} from "../libraries/RiskReport.sol";
import {InferenceRequester} from "./InferenceConsumer.sol";

/// @notice Whom to ask about code, and what its answer means.
struct Assessing {
    bytes32 modelId; // a model that answers with a `RiskReport`
    address operator; // who answers
    UseClass useClass; // this contract's use of the model
    uint40 extraDelay; // seconds that code without a clean assessment waits longer
    uint40 answerWindow; // seconds an operator has to answer
    uint16 thresholdBps; // a score at or above it is a flag
    uint16 minCoverageBps; // a report that saw less is a flag
    uint32 callbackGas;
}

/// @notice What is known about code, by its hash.
struct Assessment {
    uint40 at; // seconds; 0: nothing is known
    uint40 flaggedAt; // seconds, of the first flag; 0: no report has flagged it
}

/// @title Assessments of code, for whatever makes calls
/// @notice Anyone asks about the code that a call would run, and pays for it. Assessments belong to a code hash, not to an address
/// or a call, and to the settings they were made under: new settings begin with none. One rule decides: code without a clean
/// assessment waits for the extra delay. Silence, a busy lane, a late or malformed answer, a callback without gas, low coverage, code
/// that was deployed, upgraded or swapped after the answer: all of them are no clean assessment. A flag is never taken back.
///
/// Warning: only the code that the call enters is assessed, or the code behind a clone or a delegated account. What it goes on to
/// call, what the call data say, and what `delegatecall` makes of storage are not seen. An operator can lie, the DAO chooses it.
/// Warning: a clean assessment is not safety. It never shortens a delay below the ordinary one.
abstract contract CodeAssessor is InferenceRequester {
    using RiskReport for Report;

    uint16 private constant MAX_BPS = 10_000;
    uint40 private constant MAX_EXTRA_DELAY = 365 days;
    uint40 private constant MAX_ANSWER_WINDOW = 30 days; // the oracle takes no later deadline
    uint32 private constant MIN_CALLBACK_GAS = 80_000; // recording a flag takes 62,000

    /// @notice The oracle was asked about the code behind `target`, which is at `code` and hashes to `codeHash`.
    event Asked(bytes32 indexed codeHash, address indexed target, address code, bytes32 requestId);
    /// @notice The answer to a request, decoded. `Asked` says which code it is about.
    event Assessed(
        bytes32 indexed requestId, uint16[7] scoresBps, uint16 coverageBps, uint16 programCounter, bool flagged
    );
    /// @notice Settings hold from now on; every earlier assessment is void.
    event AssessingChanged(Assessing assessing);

    /// @notice These settings could never flag anything, or never be answered.
    error UselessSettings();
    /// @notice A clone of a clone of a clone: nobody can say what runs.
    error EndlessPointers(address target);
    /// @notice Not a request of this contract that is unanswered.
    error UnknownRequest(bytes32 requestId);

    Assessing private _assessing;
    /// @dev Counts settings; assessments are kept under it.
    uint256 private _epoch;
    /// @dev By code hash and settings, see `_subject`.
    mapping(bytes32 subject => Assessment) private _assessments;
    mapping(bytes32 requestId => bytes32 subject) private _asked;

    constructor(IInferenceOracle oracle, Assessing memory assessing_) InferenceRequester(oracle) {
        _set(assessing_);
    }

    /// @notice Asks about the code that a call of `target` would run. Anyone, for the fee; if no answer comes, it is refunded to this
    /// contract. Each caller has a lane of its own for each code, so nobody can keep another from asking.
    function assess(address target) external payable returns (bytes32 requestId) {
        (address code, bytes32 codeHash, bool known) = CodePointers.follow(target);
        if (!known) revert EndlessPointers(target);
        Assessing memory how = _assessing;

        requestId = _ask(
            Ask({
                modelId: how.modelId,
                operator: how.operator,
                useClass: how.useClass,
                lane: uint64(uint256(keccak256(abi.encode(msg.sender, codeHash)))),
                deadline: uint40(block.timestamp) + how.answerWindow,
                callbackGas: how.callbackGas
            }),
            _codeInput(code),
            msg.value
        );
        _asked[requestId] = _subject(codeHash);

        emit Asked(codeHash, target, code, requestId);
    }

    /// @notice Whom this contract asks, and what an answer means to it.
    function assessing() external view returns (Assessing memory) {
        return _assessing;
    }

    /// @notice What is known, under the settings in force, about the code that a call of `target` would run now.
    function assessmentOf(address target) external view returns (bytes32 codeHash, Assessment memory assessment) {
        (, codeHash,) = CodePointers.follow(target);
        assessment = _assessments[_subject(codeHash)];
    }

    /// @notice What whoever shows these assessments has to say ("Built with ..."), and the hash of the terms that ask for it.
    function attribution() external view returns (string memory text, bytes32 termsHash) {
        return _attribution(_assessing.modelId);
    }

    /// @dev Whether a call of `target` would run code with a clean assessment, or none.
    function _isClean(address target) internal view returns (bool) {
        return _callableFrom(target, 0) == 0;
    }

    /// @dev Seconds that code without a clean assessment waits longer.
    function _extraDelay() internal view returns (uint40) {
        return _assessing.extraDelay;
    }

    /// @dev Earliest second at which `target` may be called, where a call of assessed code may be made at `readyAt`.
    function _callableFrom(address target, uint256 readyAt) internal view returns (uint256) {
        (, bytes32 codeHash, bool known) = CodePointers.follow(target);
        if (known && codeHash == 0) return readyAt; // no code, so none runs
        Assessment memory assessment = _assessments[_subject(codeHash)];
        if (assessment.flaggedAt > readyAt) readyAt = assessment.flaggedAt;
        bool clean = known && assessment.at != 0 && assessment.flaggedAt == 0;
        return clean ? readyAt : readyAt + _assessing.extraDelay;
    }

    /// @dev Puts settings in force.
    function _set(Assessing memory assessing_) internal {
        bool useful = assessing_.modelId != 0 && assessing_.operator != address(0) && assessing_.extraDelay > 0
            && assessing_.extraDelay <= MAX_EXTRA_DELAY && assessing_.answerWindow > 0
            && assessing_.answerWindow <= MAX_ANSWER_WINDOW && assessing_.thresholdBps > 0
            && assessing_.thresholdBps <= MAX_BPS && assessing_.minCoverageBps <= MAX_BPS
            && assessing_.callbackGas >= MIN_CALLBACK_GAS;
        if (!useful) revert UselessSettings();

        _assessing = assessing_;
        ++_epoch;

        emit AssessingChanged(assessing_);
    }

    /// @inheritdoc InferenceRequester
    function _onInference(bytes32 requestId, uint64, bytes calldata output) internal override {
        bytes32 subject = _asked[requestId];
        if (subject == 0) revert UnknownRequest(requestId);
        Report memory report = RiskReport.decode(output);
        bool flagged = report.worst() >= _assessing.thresholdBps || report.coverageBps < _assessing.minCoverageBps
            || !report.isWhole(); // what is not known is not safe

        delete _asked[requestId];
        Assessment storage assessment = _assessments[subject];
        assessment.at = uint40(block.timestamp);
        if (flagged && assessment.flaggedAt == 0) assessment.flaggedAt = uint40(block.timestamp);

        emit Assessed(requestId, report.scoresBps, report.coverageBps, report.programCounter, flagged);
    }

    /// @dev Code under the settings in force: an answer under earlier ones is kept where nobody looks.
    function _subject(bytes32 codeHash) private view returns (bytes32) {
        return keccak256(abi.encode(codeHash, _epoch));
    }
}
