// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {Assessing, Assessment, CodeAssessor} from "../src/consumers/CodeAssessor.sol";
import {InferenceRequester} from "../src/consumers/InferenceConsumer.sol";
import {TimelockGuard} from "../src/consumers/TimelockGuard.sol";
import {IInferenceOracle} from "../src/interfaces/IInferenceOracle.sol";
import {ILicenseRegistry, Role} from "../src/interfaces/ILicenseRegistry.sol";
import {Assessed, Benign, StorageProxy, Thief} from "./support/Assessed.sol";
import {Plain} from "./support/Plain.sol";
import {VM, account, bound} from "./support/Vm.sol";

/// @notice Deploys code at an address that was known, and empty, before.
contract Deployer {
    function run(bytes32 salt) external payable returns (address) {
        return address(new Thief{salt: salt}());
    }
}

contract TimelockGuardTest is Assessed {
    uint40 internal constant DELAY = 2 days;

    address internal dao = account("dao");
    TimelockGuard internal guard;
    Benign internal benign;
    Thief internal thief;

    function setUp() public override {
        super.setUp();
        _ready(NON_COMMERCIAL_FREE);
        guard = _guard(_assessing());
        (benign, thief) = (new Benign(), new Thief());
        _activate(address(guard), Role.REQUESTER);
        _activate(operator, Role.OPERATOR);
        VM.deal(address(guard), 100 ether);
    }

    /// @dev Roles, salts, predecessors and views are OpenZeppelin's; a clean assessment leaves the ordinary delay.
    function testFuzz_execute_assessed(uint40 at, uint256 entry) public {
        VM.assume(entry != 13);
        _assess(guard, address(benign), CLEAN);
        bytes memory call = abi.encodeCall(Benign.run, (entry));
        _schedule(address(benign), call);
        uint256 elapsed = bound(at, 0, DELAY - 1);
        VM.warp(START + elapsed);
        _assertNotReady(address(benign), call);
        VM.warp(START + DELAY);
        guard.execute(address(benign), 0, call, 0, "salt");
        VM.assertEq(benign.entry(), entry);
        VM.assertTrue(guard.isOperationDone(_id(address(benign), call)));
    }

    function testFuzz_execute_unassessed_waits(uint40 at) public {
        bytes memory call = abi.encodeCall(Benign.run, (42));
        _schedule(address(benign), call);
        uint256 elapsed = bound(at, DELAY, DELAY + EXTRA - 1);
        VM.warp(START + elapsed);
        _assertWaits(address(benign), call, START + DELAY + EXTRA);
        VM.warp(START + DELAY + EXTRA);
        guard.execute(address(benign), 0, call, 0, "salt");
        VM.assertEq(benign.entry(), 42);
    }

    /// @dev Any one score at the threshold, too little coverage, or anything not known is a flag, and is never taken back.
    function testFuzz_onInference(uint16[7] memory scores, uint16 coverage, uint16 pc, uint8 notKnown) public {
        bool flagged;
        for (uint256 i; i < 7; ++i) {
            scores[i] = uint16(bound(scores[i], 0, 10_000));
            flagged = flagged || scores[i] >= 5000;
        }
        coverage = uint16(bound(coverage, 0, 10_000));
        notKnown = notKnown & 1 == 0 ? 0 : notKnown >> 1; // never a pointer, and often whole
        flagged = flagged || coverage < 9000 || notKnown != 0;
        bytes memory output = abi.encodePacked(
            scores[0],
            scores[1],
            scores[2],
            scores[3],
            scores[4],
            scores[5],
            scores[6],
            coverage,
            pc,
            bytes12(0),
            uint16(notKnown)
        );
        Plain memory made = _asked(guard, address(benign), stranger);
        VM.expectEmit(address(guard));
        emit CodeAssessor.Assessed(oracle.idOf(made.wire()), scores, coverage, pc, flagged);
        _answer(made, output);
        _assertAssessment(address(benign), START, flagged ? START : 0);

        VM.warp(START + 60);
        _assess(guard, address(benign), CLEAN);
        _assertAssessment(address(benign), START + 60, flagged ? START : 0);
    }

    /// @dev Each way of not knowing makes the call wait, were there no score and all coverage.
    function testFuzz_execute_notKnown_waits(uint8 way, uint40 at) public {
        bytes memory call = abi.encodeCall(Benign.run, (42));
        _assess(guard, address(benign), _notKnown(way % 8));
        _schedule(address(benign), call);
        VM.warp(START + bound(at, DELAY, DELAY + EXTRA - 1));
        _assertWaits(address(benign), call, START + DELAY + EXTRA);
        VM.warp(START + DELAY + EXTRA);
        guard.execute(address(benign), 0, call, 0, "salt");
        VM.assertEq(benign.entry(), 42);
    }

    /// @dev A pointer is not scored, so it is not clean, whatever it points to.
    function testFuzz_onInference_pointer(address implementation, uint8 others) public {
        _assess(guard, address(benign), abi.encodePacked(implementation, bytes10(0), uint16(others | 0x80)));
        _assertAssessment(address(benign), START, START);
    }

    /// @dev What is not a report fails in the callback, and counts as no answer.
    function testFuzz_onInference_malformed(bytes memory output) public {
        if (output.length == 32) output[30] = 0x01;
        VM.assume(output.length <= 1024);
        Plain memory made = _asked(guard, address(benign), stranger);
        bytes32 id = oracle.idOf(made.wire());
        VM.expectEmit(address(oracle));
        emit IInferenceOracle.CallbackFailed(id);
        _answer(made, output);
        _assertAssessment(address(benign), 0, 0);
    }

    function test_onInference_reverts_unknownRequest() public {
        VM.prank(address(oracle));
        VM.expectRevert(abi.encodeWithSelector(CodeAssessor.UnknownRequest.selector, bytes32("?")));
        guard.onInference("?", 0, OUTPUT);
    }

    function testFuzz_onInference_reverts_notOracle(address from) public {
        VM.assume(from != address(oracle));
        VM.prank(from);
        VM.expectRevert(abi.encodeWithSelector(InferenceRequester.NotOracle.selector, from));
        guard.onInference("?", 0, OUTPUT);
    }

    /// @dev The least callback gas that settings may have is enough for the dearest answer: a first flag, everything cold.
    function test_onInference_leastGas() public {
        Assessing memory least = _assessing();
        least.callbackGas = 80_000;
        TimelockGuard lean = _guard(least);
        _activate(address(lean), Role.REQUESTER);
        _assess(lean, address(benign), RISKY);
        (, Assessment memory got) = lean.assessmentOf(address(benign));
        VM.assertEq(got.flaggedAt, START);
    }

    function test_assess_reverts_withoutCode() public {
        address bare = account("bare");
        VM.expectRevert(abi.encodeWithSelector(InferenceRequester.TargetWithoutCode.selector, bare));
        guard.assess(bare);
    }

    function test_assess_reverts_clonesInACircle() public {
        (address one, address two) = (account("one"), account("two"));
        VM.etch(one, _clone(two));
        VM.etch(two, _clone(one));
        VM.expectRevert(abi.encodeWithSelector(CodeAssessor.EndlessPointers.selector, one));
        guard.assess(one);
        bytes memory call = abi.encodeCall(Benign.run, (1));
        _schedule(one, call);
        VM.warp(START + DELAY);
        _assertWaits(one, call, START + DELAY + EXTRA);
    }

    /// @dev The oracle's refusal arrives unchanged: who is missing what.
    function test_assess_reverts_withTheOraclesError() public {
        VM.prank(licensor);
        registry.revoke(modelId, address(guard), Role.REQUESTER, 1);
        VM.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.GrantIsRevoked.selector, address(guard), Role.REQUESTER, 1)
        );
        guard.assess(address(benign));
        _activate(_grant(address(guard), Role.REQUESTER, 2));
        _serve(MIN_FEE);
        VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.FeeTooLow.selector, 5, MIN_FEE));
        guard.assess{value: 5}(address(benign));
    }

    function testFuzz_assess(address from) public {
        Plain memory expected = _lastAsked(guard, address(benign), from);
        bytes32 id = oracle.idOf(expected.wire());
        bytes memory input = abi.encode(address(benign), address(benign).codehash);
        VM.expectEmit(address(oracle));
        emit IInferenceOracle.Requested(id, operator, expected.wire(), input);
        VM.expectEmit(address(guard));
        emit CodeAssessor.Asked(address(benign).codehash, address(benign), address(benign), id);
        VM.prank(from);
        VM.assertEq(guard.assess(address(benign)), id);
    }

    /// @dev An unanswered question returns its fee to the DAO.
    function test_refund_returnsToTheGuard() public {
        guard.assess{value: 1 ether}(address(benign));
        Plain memory made = _lastAsked(guard, address(benign), address(this));
        (made.fee, made.royaltyBps) = (1 ether, ROYALTY_BPS);
        VM.warp(made.deadline + 1);
        oracle.refund(made.wire());
        oracle.withdraw(address(0), address(guard));
        VM.assertEq(address(guard).balance, 101 ether);
    }

    function test_attribution() public view {
        (string memory text, bytes32 termsHash) = guard.attribution();
        VM.assertEq(text, "Built with it");
        VM.assertEq(termsHash, "terms");
    }

    // ways around: what a proposer may try

    function test_targetDeployedLast() public {
        Deployer deployer = new Deployer();
        address target = _created(address(deployer), "late");
        bytes memory call = abi.encodeCall(Thief.run, (1));
        VM.expectRevert(abi.encodeWithSelector(InferenceRequester.TargetWithoutCode.selector, target));
        guard.assess(target);
        _schedule(target, call);
        VM.warp(START + DELAY);
        deployer.run("late");
        _assertWaits(target, call, START + DELAY + EXTRA);
    }

    /// @dev In one batch: the first call, of assessed code, deploys what the second one runs.
    function test_targetDeployedByTheBatch() public {
        Deployer deployer = new Deployer();
        _assess(guard, address(deployer), CLEAN);
        address target = _created(address(deployer), "late");
        (address[] memory targets, uint256[] memory values, bytes[] memory calls) = _two(address(deployer), target);
        calls[0] = abi.encodeCall(Deployer.run, ("late"));
        calls[1] = abi.encodeCall(Thief.run, (1));
        VM.prank(dao);
        guard.scheduleBatch(targets, values, calls, 0, "salt", DELAY);
        bytes32 id = guard.hashOperationBatch(targets, values, calls, 0, "salt");
        VM.assertEq(guard.executableFrom(id, targets), START + DELAY); // as far as it can be known now
        VM.warp(START + DELAY);
        VM.expectRevert(abi.encodeWithSelector(TimelockGuard.MustWait.selector, target, START + DELAY + EXTRA));
        guard.executeBatch(targets, values, calls, 0, "salt");
        VM.warp(START + DELAY + EXTRA);
        guard.executeBatch(targets, values, calls, 0, "salt");
    }

    function test_codeSwappedAfterTheAnswer() public {
        address target = account("comes and goes");
        VM.etch(target, address(benign).code);
        bytes memory call = abi.encodeCall(Benign.run, (1));
        _schedule(target, call);
        _assess(guard, target, CLEAN);
        VM.warp(START + DELAY);
        VM.etch(target, address(thief).code);
        _assertWaits(target, call, START + DELAY + EXTRA);
    }

    /// @dev A proxy with its implementation in storage: an honest report saw too little of what runs.
    function test_storageProxy() public {
        StorageProxy proxy = new StorageProxy();
        proxy.set(address(benign));
        bytes memory call = abi.encodeCall(Benign.run, (1));
        _schedule(address(proxy), call);
        _assess(guard, address(proxy), _honest(address(proxy).codehash));
        VM.warp(START + DELAY);
        proxy.set(address(thief));
        _assertWaits(address(proxy), call, START + DELAY + EXTRA);
    }

    function test_cloneOfAssessedCode() public {
        address target = account("clone");
        VM.etch(target, _clone(address(benign)));
        _assess(guard, address(benign), CLEAN);
        bytes memory call = abi.encodeCall(Benign.run, (1));
        _schedule(target, call);
        VM.warp(START + DELAY);
        guard.execute(target, 0, call, 0, "salt");
    }

    /// @dev To ask about a clone is to ask about what it runs.
    function test_cloneOfFlaggedCode() public {
        address target = account("clone");
        VM.etch(target, _clone(address(thief)));
        bytes memory call = abi.encodeCall(Thief.run, (1));
        _schedule(target, call);
        _assess(guard, target, RISKY);
        _assertAssessment(address(thief), START, START);
        VM.warp(START + DELAY);
        _assertWaits(target, call, START + DELAY + EXTRA);
    }

    /// @dev An account that is delegated under EIP-7702 is what it is delegated to when the call is made.
    function test_delegatedAccount() public {
        VM.setEvmVersion("osaka");
        address target = account("delegated");
        bytes memory call = abi.encodeCall(Benign.run, (1));
        VM.etch(target, abi.encodePacked(hex"ef0100", benign));
        _schedule(target, call);
        _assess(guard, target, CLEAN);
        VM.warp(START + DELAY);
        VM.etch(target, abi.encodePacked(hex"ef0100", thief));
        _assertWaits(target, call, START + DELAY + EXTRA);
        VM.etch(target, abi.encodePacked(hex"ef0100", benign));
        guard.execute(target, 0, call, 0, "salt");
    }

    /// @dev A lane that the proposer keeps busy keeps nobody else from asking; and silence waits.
    function test_laneHeldUntilExecution() public {
        address target = account("comes and goes");
        bytes memory call = abi.encodeCall(Thief.run, (1));
        _schedule(target, call);
        for (uint256 now_ = START; now_ < START + DELAY; now_ += WINDOW + 1) {
            VM.warp(now_);
            VM.etch(target, address(thief).code);
            Plain memory held = _asked(guard, target, dao);
            VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.LaneBusy.selector, address(guard), held.lane));
            VM.prank(dao);
            guard.assess(target);
            Plain memory honest = _asked(guard, target, stranger);
            VM.etch(target, "");
            VM.warp(now_ + WINDOW + 1);
            oracle.refund(held.wire());
            oracle.refund(honest.wire());
        }
        VM.etch(target, address(thief).code);
        _assertWaits(target, call, START + DELAY + EXTRA);
    }

    /// @dev A flag that comes late, but before the call, delays from then on, once.
    function test_lateFlag() public {
        bytes memory call = abi.encodeCall(Thief.run, (1));
        _schedule(address(thief), call);
        uint256 late = START + DELAY + EXTRA + 1;
        VM.warp(late);
        _assess(guard, address(thief), RISKY);
        _assertWaits(address(thief), call, late + EXTRA);
        VM.warp(late + EXTRA - 1);
        _assess(guard, address(thief), RISKY);
        _assertWaits(address(thief), call, late + EXTRA);
        VM.warp(late + EXTRA);
        guard.execute(address(thief), 0, call, 0, "salt");
    }

    function test_uselessSettings() public {
        Assessing memory useless = _assessing();
        useless.thresholdBps = 10_001;
        _assertRefused(useless);
        (useless = _assessing()).thresholdBps = 0;
        _assertRefused(useless);
        (useless = _assessing()).answerWindow = 0;
        _assertRefused(useless);
        (useless = _assessing()).answerWindow = 31 days;
        _assertRefused(useless);
        (useless = _assessing()).extraDelay = 0;
        _assertRefused(useless);
        (useless = _assessing()).extraDelay = type(uint40).max;
        _assertRefused(useless);
        (useless = _assessing()).callbackGas = 79_999;
        _assertRefused(useless);
        (useless = _assessing()).minCoverageBps = 10_001;
        _assertRefused(useless);
        (useless = _assessing()).modelId = 0;
        _assertRefused(useless);
        (useless = _assessing()).operator = address(0);
        _assertRefused(useless);
    }

    /// @dev The operator leaves. The DAO chooses another one through the timelock itself; what the first one said is void, and what it
    /// says later is, too.
    function test_setAssessing() public {
        _assess(guard, address(benign), CLEAN);
        Plain memory open = _asked(guard, address(thief), stranger);
        VM.prank(operator);
        oracle.stopServing(modelId, address(0));
        address other = account("other operator");
        VM.prank(other);
        oracle.serve(modelId, address(0), 0, MAX_CALLBACK_GAS);
        _activate(other, Role.OPERATOR);

        Assessing memory next = _assessing();
        next.operator = other;
        VM.prank(dao);
        VM.expectRevert(abi.encodeWithSelector(TimelockController.TimelockUnauthorizedCaller.selector, dao));
        guard.setAssessing(next);
        bytes memory call = abi.encodeCall(guard.setAssessing, (next));
        _schedule(address(guard), call);
        VM.warp(START + 30 minutes);
        VM.expectRevert(
            abi.encodeWithSelector(
                TimelockController.TimelockUnexpectedOperationState.selector,
                _id(address(guard), call),
                bytes32(uint256(4))
            )
        );
        guard.execute(address(guard), 0, call, 0, "salt");
        VM.warp(START + DELAY + EXTRA);
        guard.execute(address(guard), 0, call, 0, "salt");
        VM.assertEq(guard.assessing().operator, other);
        _assertAssessment(address(benign), 0, 0);
        VM.assertTrue(_isOpen(open));
        _assess(guard, address(benign), CLEAN);
        _assertAssessment(address(benign), block.timestamp, 0);
    }

    /// @dev An answer under settings that no longer hold counts for nothing.
    function test_answerToAnEarlierQuestion() public {
        Assessing memory next = _assessing();
        next.answerWindow = 30 days;
        _change(next);
        Plain memory open = _asked(guard, address(thief), stranger);
        open.deadline = uint40(block.timestamp) + 30 days;
        next.thresholdBps = 6000;
        _change(next);
        _answer(open, CLEAN);
        _assertAssessment(address(thief), 0, 0);
    }

    /// @dev An operation that executes another one on its way is judged by its own time afterwards.
    function test_nestedExecution() public {
        bytes memory inner = abi.encodeCall(Benign.run, (1));
        _schedule(address(benign), inner);
        VM.warp(START + 1 days);
        (address[] memory targets, uint256[] memory values, bytes[] memory calls) =
            _two(address(guard), address(benign));
        calls[0] = abi.encodeCall(guard.execute, (address(benign), 0, inner, 0, "salt"));
        calls[1] = abi.encodeCall(Benign.run, (2));
        VM.prank(dao);
        guard.scheduleBatch(targets, values, calls, 0, "salt", DELAY);
        VM.warp(START + DELAY + EXTRA); // the inner one may, the outer one has a day to wait
        VM.expectRevert(
            abi.encodeWithSelector(TimelockGuard.MustWait.selector, address(guard), START + 1 days + DELAY + EXTRA)
        );
        guard.executeBatch(targets, values, calls, 0, "salt");
        _assess(guard, address(guard), CLEAN);
        VM.expectRevert(
            abi.encodeWithSelector(TimelockGuard.MustWait.selector, address(benign), START + 1 days + DELAY + EXTRA)
        );
        guard.executeBatch(targets, values, calls, 0, "salt");
    }

    /// @dev No code, so nothing runs: a payment waits for the ordinary delay.
    function test_payment() public {
        address payee = account("payee");
        VM.prank(dao);
        guard.schedule(payee, 1 ether, "", 0, "salt", DELAY);
        VM.warp(START + DELAY);
        guard.execute(payee, 1 ether, "", 0, "salt");
        VM.assertEq(payee.balance, 1 ether);
    }

    /// @dev A proposer who tries everything, by lot, against an honest operator: deploys, swaps, clones, redirects, asks, holds lanes,
    /// lets time pass, executes. Code that is not clean never runs before the extra delay is over.
    function testFuzz_whateverAProposerTries(uint256 seed) public {
        address[4] memory targets = [account("one"), account("two"), address(new StorageProxy()), address(benign)];
        bytes memory call = abi.encodeCall(Benign.run, (1));
        for (uint256 i; i < targets.length; ++i) {
            _schedule(targets[i], call);
        }
        for (uint256 step; step < 40; ++step) {
            seed = uint256(keccak256(abi.encode(seed)));
            address target = targets[seed % 4];
            uint256 act = (seed >> 8) % 8;
            bool swaps = uint160(target) == uint160(targets[0]) || uint160(target) == uint160(targets[1]);
            if (act == 0 && swaps) VM.etch(target, (seed >> 16) % 2 == 0 ? address(benign).code : address(thief).code);
            if (act == 1 && swaps) VM.etch(target, _clone(targets[(seed >> 16) % 4]));
            if (act == 2) {
                StorageProxy(payable(targets[2])).set((seed >> 16) % 2 == 0 ? address(benign) : address(thief));
            }
            if (act == 3) _tryAssess(target, (seed >> 16) % 3 > 0);
            if (act == 4) VM.warp(block.timestamp + (seed >> 16) % 1 days);
            if (act == 5 && swaps) VM.etch(target, "");
            if (act >= 6) _tryExecute(target, call);
        }
    }

    function _tryAssess(address target, bool answered) private {
        bytes32 codeHash;
        (codeHash,) = guard.assessmentOf(target);
        try guard.assess(target) {
            Plain memory made = _lastAsked(guard, target, address(this));
            if (answered) _answer(made, _honest(codeHash));
        } catch {} // no code, or its lane is held
    }

    function _tryExecute(address target, bytes memory call) private {
        (bytes32 codeHash, Assessment memory known) = guard.assessmentOf(target);
        bool clean = codeHash == 0 || (known.at != 0 && keccak256(_honest(codeHash)) == keccak256(CLEAN));
        try guard.execute(target, 0, call, 0, "salt") {
            VM.assertTrue(block.timestamp >= START + DELAY + (clean ? 0 : EXTRA));
        } catch {}
    }

    function _guard(Assessing memory assessing) internal returns (TimelockGuard) {
        (address[] memory proposers, address[] memory executors) = (new address[](1), new address[](1));
        proposers[0] = dao; // and everybody executes
        return new TimelockGuard(DELAY, proposers, executors, address(0), oracle, assessing);
    }

    /// @dev Puts settings in force, by way of the timelock.
    function _change(Assessing memory next) private {
        bytes memory call = abi.encodeCall(guard.setAssessing, (next));
        _schedule(address(guard), call);
        VM.warp(block.timestamp + DELAY + EXTRA);
        guard.execute(address(guard), 0, call, 0, "salt");
    }

    function _assertRefused(Assessing memory useless) private {
        VM.expectRevert(abi.encodeWithSelector(CodeAssessor.UselessSettings.selector));
        _guard(useless);
    }

    function _schedule(address target, bytes memory call) internal {
        VM.prank(dao);
        guard.schedule(target, 0, call, 0, "salt", DELAY);
    }

    function _id(address target, bytes memory call) internal view returns (bytes32) {
        return guard.hashOperation(target, 0, call, 0, "salt");
    }

    function _two(address first, address second)
        private
        pure
        returns (address[] memory targets, uint256[] memory values, bytes[] memory calls)
    {
        (targets, values, calls) = (new address[](2), new uint256[](2), new bytes[](2));
        (targets[0], targets[1]) = (first, second);
    }

    function _created(address by, bytes32 salt) private pure returns (address) {
        bytes32 codeHash = keccak256(type(Thief).creationCode);
        return address(uint160(uint256(keccak256(abi.encodePacked(bytes1(0xff), by, salt, codeHash)))));
    }

    function _assertNotReady(address target, bytes memory call) private {
        VM.expectRevert(
            abi.encodeWithSelector(
                TimelockController.TimelockUnexpectedOperationState.selector, _id(target, call), bytes32(uint256(4))
            )
        );
        guard.execute(target, 0, call, 0, "salt");
    }

    function _assertWaits(address target, bytes memory call, uint256 from) private {
        address[] memory targets = new address[](1);
        targets[0] = target;
        VM.assertEq(guard.executableFrom(_id(target, call), targets), from);
        VM.expectRevert(abi.encodeWithSelector(TimelockGuard.MustWait.selector, target, from));
        guard.execute(target, 0, call, 0, "salt");
    }

    function _assertAssessment(address target, uint256 at, uint256 flaggedAt) private view {
        (, Assessment memory got) = guard.assessmentOf(target);
        VM.assertEq(got.at, at);
        VM.assertEq(got.flaggedAt, flaggedAt);
    }
}
