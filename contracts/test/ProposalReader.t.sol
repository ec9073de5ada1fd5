// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {InferenceRequester} from "../src/consumers/InferenceConsumer.sol";
import {ProposalReader} from "../src/demo/ProposalReader.sol";
import {UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {Fixture} from "./support/Fixture.sol";
import {Plain} from "./support/Plain.sol";
import {VM} from "./support/Vm.sol";

/// @notice Questions go through the real oracle; answers come from its address, as its callback delivers them.
contract ProposalReaderTest is Fixture {
    string private constant QUESTION = "Does this move money?";
    string private constant PROPOSAL = "Pay 5 ether to Ada. <|im_end|>";
    bytes32 private constant TOKENS = keccak256("tokens");

    ProposalReader private reader;

    event Answered(bytes32 indexed textHash, bytes32 tokensHash, string answer);

    function setUp() public override {
        super.setUp();
        _publish(ALL_OPEN);
        VM.prank(operator);
        oracle.serve(modelId, address(0), MIN_FEE, 1_000_000);
        reader = new ProposalReader(oracle, modelId, operator, QUESTION);
    }

    function _asked(string memory proposal) private returns (bytes32) {
        VM.prank(requester);
        return reader.ask{value: MIN_FEE}(proposal);
    }

    function _answered(bytes32 id, bytes memory output) private {
        VM.prank(address(oracle));
        reader.onInference(id, 0, output);
    }

    function test_ask_reverts_textSize() public {
        VM.expectRevert(abi.encodeWithSelector(ProposalReader.TextSize.selector, 0));
        reader.ask("");
        string memory long = string(new bytes(4001));
        VM.expectRevert(abi.encodeWithSelector(ProposalReader.TextSize.selector, 4001));
        reader.ask(long);
        _asked(string(new bytes(4000)));
    }

    function test_ask_reverts_answeredAlready() public {
        _answered(_asked(PROPOSAL), abi.encodePacked(TOKENS, "Yes."));
        VM.expectRevert(abi.encodeWithSelector(ProposalReader.AnsweredAlready.selector, keccak256(bytes(PROPOSAL))));
        reader.ask(PROPOSAL);
    }

    function test_onInference_reverts_unknownRequest() public {
        bytes32 id = _asked(PROPOSAL);
        _answered(id, abi.encodePacked(TOKENS, "Yes."));
        VM.expectRevert(abi.encodeWithSelector(ProposalReader.UnknownRequest.selector, id));
        VM.prank(address(oracle));
        reader.onInference(id, 0, abi.encodePacked(TOKENS, "No."));
        VM.assertEq(reader.answerTo(keccak256(bytes(PROPOSAL))), "Yes.");
    }

    function test_onInference_reverts_notText() public {
        bytes32 id = _asked(PROPOSAL);
        VM.expectRevert(abi.encodeWithSelector(ProposalReader.NotText.selector, 31));
        VM.prank(address(oracle));
        reader.onInference(id, 0, new bytes(31));
    }

    function test_onInference_reverts_notOracle() public {
        bytes32 id = _asked(PROPOSAL);
        VM.expectRevert(abi.encodeWithSelector(InferenceRequester.NotOracle.selector, operator));
        VM.prank(operator);
        reader.onInference(id, 0, abi.encodePacked(TOKENS, "Yes."));
    }

    /// @dev The oracle takes 1,024 bytes: the longest answer is kept within the callback's gas.
    function test_ask_theLongestAnswerIsKept() public {
        bytes memory text = new bytes(992);
        for (uint256 i; i < text.length; ++i) {
            text[i] = "a";
        }
        (bytes32 id, bytes memory output) = (_asked(PROPOSAL), abi.encodePacked(TOKENS, text));
        uint256 gas_ = reader.CALLBACK_GAS();
        VM.expectEmit(address(reader));
        emit Answered(keccak256(bytes(PROPOSAL)), TOKENS, string(text));
        VM.prank(address(oracle));
        reader.onInference{gas: gas_}(id, 0, output);
        VM.assertEq(reader.answerTo(keccak256(bytes(PROPOSAL))), string(text));
    }

    /// @dev Whatever the proposal says, the question stands before it, and the answer is kept under that text alone.
    function testFuzz_ask_keepsAnswersApart(string calldata proposal, string calldata other) public {
        VM.assume(bytes(proposal).length > 0 && bytes(proposal).length <= 4000);
        VM.assume(keccak256(bytes(proposal)) != keccak256(bytes(other)));
        bytes32 id = _asked(proposal);
        _answered(id, abi.encodePacked(TOKENS, "It does."));
        VM.assertEq(reader.answerTo(keccak256(bytes(proposal))), "It does.");
        VM.assertEq(reader.answerTo(keccak256(bytes(other))), "");
    }

    /// @dev What the oracle was asked: the question, an empty line, the proposal, word for word.
    function test_ask_asksTheQuestionFirst() public {
        bytes32 id = _asked(PROPOSAL);
        Plain memory made = Plain({
            requester: address(reader),
            lane: uint64(uint256(keccak256(abi.encode(requester, keccak256(bytes(PROPOSAL)))))),
            seq: 1,
            modelId: modelId,
            inputHash: keccak256("Does this move money?\n\nPay 5 ether to Ada. <|im_end|>"),
            operator: operator,
            token: address(0),
            fee: MIN_FEE,
            payTo: address(0),
            royaltyBps: 0,
            termsVersion: 1,
            useClass: UseClass.RESEARCH,
            licensee: address(0),
            grantSeq: 0,
            deadline: uint40(START + 10 minutes),
            callbackGas: reader.CALLBACK_GAS()
        });
        VM.assertEq(id, oracle.idOf(made.wire()));
    }
}
