// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICommittee, Offer, Signature, Statement} from "../src/interfaces/ICommittee.sol";
import {IInferenceOracle, Request} from "../src/interfaces/IInferenceOracle.sol";
import {Grant, ILicenseRegistry, Role, UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {Facts, RequestFacts} from "../src/types/Facts.sol";
import {CommitteeFixture} from "./support/CommitteeFixture.sol";
import {SilentToken} from "./support/Tokens.sol";
import {VM} from "./support/Vm.sol";

/// @notice Orders, and orders for lists, that a committee answers: M signatures beside the requester's, pay out of its deposit.
contract CommitteeOrdersTest is CommitteeFixture {
    uint256 private constant KEY = 0xA5C;
    uint96 private constant FEE = 1 ether + 3;
    uint64 private constant LANE = 7;

    function setUp() public override {
        super.setUp();
        requester = VM.addr(KEY);
        VM.deal(requester, 100 ether);
        _publish(ALL_GRANT);
        _activate(requester, Role.REQUESTER);
        _activate(address(committee), Role.OPERATOR);
        for (uint256 i; i < OUTSIDER; ++i) {
            _activate(who[i], Role.OPERATOR);
        }
        _offerModel(0);
        VM.prank(requester);
        oracle.deposit{value: 10 ether}(ETHER, requester, 10 ether);
    }

    function test_answerOrder_isFinalAndSharedExactly() public {
        Request memory order = _order(FEE, 1, 0);
        (bytes memory signature, Signature[] memory signatures) = (_orderSigned(order), _agreed(order, OUTPUT, 5));
        VM.expectEmit(address(committee));
        emit ICommittee.Answered(oracle.idOf(order), _addresses(5));
        VM.prank(stranger); // whoever has them
        committee.answerOrder(order, signature, OUTPUT, signatures);
        VM.assertTrue(oracle.finalized(order, OUTPUT));
        uint256 pay = FEE - 2 * (uint256(FEE) * ROYALTY_BPS / 10_000);
        VM.assertEq(oracle.deposits(ETHER, requester), 10 ether - FEE);
        VM.assertEq(committee.earnedBy(ETHER, _addresses(5)), pay);
        VM.assertEq(_claimed(ETHER, 0), pay - pay / 2); // the odd wei is the first's
        VM.assertEq(committee.withdraw(ETHER, _owner(2)), pay / 2);
        VM.assertEq(address(committee).balance, 3 * STAKE);
    }

    /// @dev A list is one answer, its root, and its price is that of each input.
    function test_answerOrder_listByOneRoot() public {
        Offer memory offered = Offer(modelId, ETHER, true, 1000, 0, 1);
        committee.offer(offered, _signed(committee.hashOffer(offered), 3));
        bytes memory root = abi.encode(keccak256("root of three answers"));
        _refused(
            _order(3427, 1, 3), root, 3, abi.encodeWithSelector(IInferenceOracle.PayTooLow.selector, 2571, 3000 - 428)
        );
        Request memory order = _order(3428, 1, 3);
        _answerOrder(order, root, 3);
        VM.assertTrue(oracle.finalized(order, root));
        VM.assertEq(committee.earnedBy(ETHER, _addresses(3)), 3428 - 2 * 428);
    }

    function test_answerOrder_inTokens() public {
        SilentToken token = new SilentToken();
        token.mint(requester, 21);
        VM.prank(requester);
        token.approve(address(oracle), 21);
        VM.prank(requester);
        oracle.deposit(address(token), requester, 21);
        Request memory order = _order(21, 1, 0);
        order.token = address(token);
        _answerOrder(order, OUTPUT, 5);
        VM.assertEq(_claimed(address(token), 0), 9); // of 21 - 2 - 2
        VM.assertEq(token.balanceOf(_owner(0)), 9);
        VM.assertEq(committee.credits(address(token), _owner(2)), 8);
        VM.assertEq(committee.owed(address(token)), 8);
        VM.assertEq(committee.earnedBy(ETHER, _addresses(5)), 0);
    }

    /// @dev Each of these is a mistake of its own, and nothing moves.
    function test_answerOrder_reverts_signatures() public {
        Request memory order = _order(FEE, 1, 0);
        bytes32 digest = _resultDigest(order, OUTPUT);
        _refused(order, 1, abi.encodeWithSelector(ICommittee.WrongSignatureCount.selector, 1, 2));
        _refused(order, 7, abi.encodeWithSelector(ICommittee.WrongSignatureCount.selector, 3, 2));
        _refused(order, 9, abi.encodeWithSelector(ICommittee.NotSigning.selector, who[3]));
        Signature[] memory twice = _signed(digest, 3);
        twice[1] = twice[0];
        (bytes memory signature, Signature[] memory signatures) = (_orderSigned(order), _signed(digest, 3));
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotAscending.selector, who[0], who[0]));
        committee.answerOrder(order, signature, OUTPUT, twice);
        // for another output: whoever is recovered is nobody
        (bytes32 r, uint256 vs) = (signatures[0].r, uint256(signatures[0].vs));
        address nobody = ecrecover(_resultDigest(order, "another"), uint8(27 + (vs >> 255)), r, bytes32(vs << 1 >> 1));
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotSigning.selector, nobody));
        committee.answerOrder(order, signature, "another", signatures);
        VM.assertEq(oracle.deposits(ETHER, requester), 10 ether);
    }

    function test_answerOrder_reverts_asTheOracleSays() public {
        Request memory order = _order(FEE, 1, 0);
        bytes memory forged = _orderSigned(_order(FEE, 2, 0));
        Signature[] memory signatures = _agreed(order, OUTPUT, 3);
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.InvalidSignature.selector, requester));
        committee.answerOrder(order, forged, OUTPUT, signatures);
        _refused(_order(FEE, 2, 0), 3, abi.encodeWithSelector(IInferenceOracle.NotNext.selector, 2, 1));
        _answerOrder(order, OUTPUT, 3);
        _refused(order, 3, abi.encodeWithSelector(IInferenceOracle.NotNext.selector, 1, 2));
        Request memory others = _order(FEE, 2, 0);
        others.operator = stranger;
        _refused(
            others,
            3,
            abi.encodeWithSelector(
                IInferenceOracle.NotOperator.selector, oracle.idOf(others), address(committee), stranger
            )
        );
        Request memory late = _order(FEE, 2, 0);
        VM.warp(late.facts.deadline() + 1);
        _refused(late, 3, abi.encodeWithSelector(IInferenceOracle.DeadlinePassed.selector, late.facts.deadline()));
    }

    function test_answerOrder_reverts_unlicensedSigner() public {
        Request memory order = _order(FEE, 1, 0);
        VM.prank(licensor);
        registry.revoke(modelId, who[1], Role.OPERATOR, 1);
        bytes4 selector = ILicenseRegistry.GrantIsRevoked.selector;
        _refused(order, 3, abi.encodeWithSelector(selector, who[1], Role.OPERATOR, 1));
        _answerOrder(order, OUTPUT, 5);
    }

    /// @dev Nobody counts a signer's uses: also where the grant is that of the licensee it acts for.
    function test_answerOrder_reverts_meteredSigner() public {
        Request memory order = _order(FEE, 1, 0);
        _activate(_metered(who[1], Role.OPERATOR, 2, 100, 100));
        _refused(
            order,
            3,
            abi.encodeWithSelector(
                ILicenseRegistry.GrantForOtherMarket.selector, who[1], Role.OPERATOR, address(oracle)
            )
        );
        _join(OUTSIDER);
        _activate(_metered(stranger, Role.OPERATOR, 1, 100, 100));
        VM.prank(stranger);
        registry.delegate(who[3], true);
        VM.prank(who[3]);
        registry.actFor(stranger);
        _refused(
            order,
            9,
            abi.encodeWithSelector(
                ILicenseRegistry.GrantForOtherMarket.selector, stranger, Role.OPERATOR, address(oracle)
            )
        );
    }

    /// @dev Terms that ask operators for nothing ask signers for nothing.
    function test_answerOrder_policyOpen() public {
        VM.prank(licensor);
        modelId = registry.registerModel("open", "weights", "manifest", "");
        _publish(ALL_OPEN);
        _answerOrder(_order(FEE, 1, 0), OUTPUT, 6);
        VM.assertEq(committee.earnedBy(ETHER, _addresses(6)), FEE);
    }

    /// @dev A voucher that raises the requester's royalty just before the answer takes nothing of what the offer asks for.
    function test_answerOrder_reverts_royaltyRaised() public {
        Offer memory offered = Offer(modelId, ETHER, true, 8000, 0, 1);
        committee.offer(offered, _signed(committee.hashOffer(offered), 3));
        Request memory order = _order(10_000, 1, 0);
        Grant memory dear = _grant(requester, Role.REQUESTER, 2);
        dear.royaltyBps = 5000;
        _activate(dear);
        _refused(order, 3, abi.encodeWithSelector(IInferenceOracle.PayTooLow.selector, 3750, 8000 - ROYALTY_BPS));
    }

    /// @dev Two results of one order cost a stake as of any request.
    function test_slash_ofAnOrder() public {
        Request memory order = _order(FEE, 1, 0);
        (bytes32 one, bytes32 other) = (_hashOf(order, OUTPUT), _hashOf(order, "another"));
        (Statement memory said, Statement memory too) = (_statement(order, one), _statement(order, other));
        VM.prank(stranger);
        committee.slash(order, who[1], said, too);
        VM.assertEq(committee.credits(ETHER, requester), STAKE * 5 / 100);
        VM.assertEq(committee.credits(ETHER, stranger), STAKE * 45 / 100);
        _refused(order, 3, abi.encodeWithSelector(ICommittee.NotSigning.selector, who[1]));
    }

    /// @dev Nothing is open for an order: it has no round, and nobody is fined for one.
    function test_commit_reverts_order() public {
        Request memory order = _order(FEE, 1, 0);
        bytes32 id = oracle.idOf(order);
        bytes32[] memory commitments = new bytes32[](1);
        commitments[0] = "commitment";
        Signature[] memory signatures = _signed(committee.hashCommitment(id, commitments[0]), 1);
        VM.expectRevert(abi.encodeWithSelector(ICommittee.NotOpen.selector, id));
        committee.commit(order, commitments, signatures);
    }

    function _answerOrder(Request memory order, bytes memory output, uint256 mask) private {
        committee.answerOrder(order, _orderSigned(order), output, _agreed(order, output, mask));
    }

    function _refused(Request memory order, uint256 mask, bytes memory reason) private {
        _refused(order, OUTPUT, mask, reason);
    }

    function _refused(Request memory order, bytes memory output, uint256 mask, bytes memory reason) private {
        (bytes memory signature, Signature[] memory signatures) = (_orderSigned(order), _agreed(order, output, mask));
        VM.expectRevert(reason);
        committee.answerOrder(order, signature, output, signatures);
    }

    /// @dev All that signers 0 and 2 have earned is shared; what the owner of one gets of it.
    function _claimed(address token, uint256 index) private returns (uint256) {
        (bytes32[] memory models, address[][] memory groups) = (new bytes32[](1), new address[][](1));
        (models[0], groups[0]) = (modelId, _addresses(5));
        return committee.claim(token, models, groups, _owner(index));
    }

    function _order(uint96 fee, uint32 seq, uint8 items) private view returns (Request memory) {
        Facts facts = RequestFacts.pack(LANE, seq, 0, uint40(START + 1 days), 0, 1, 0, UseClass.COMMERCIAL);
        facts = Facts.wrap(Facts.unwrap(facts) | uint256(items) << 248);
        return
            Request(requester, modelId, keccak256(INPUT), address(committee), ETHER, fee, address(0), address(0), facts);
    }

    function _orderSigned(Request memory order) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(KEY, oracle.hashOrder(order));
        return abi.encodePacked(r, s, v);
    }

    function _agreed(Request memory order, bytes memory output, uint256 mask)
        private
        view
        returns (Signature[] memory)
    {
        return _signed(_resultDigest(order, output), mask);
    }

    function _hashOf(Request memory order, bytes memory output) private view returns (bytes32) {
        return oracle.resultHashOf(oracle.idOf(order), modelId, output);
    }

    function _statement(Request memory order, bytes32 resultHash) private view returns (Statement memory) {
        Signature memory signature = _signature(keys[1], committee.hashResult(oracle.idOf(order), resultHash));
        return Statement(resultHash, signature, 0, 0, 0, new bytes32[](0));
    }
}
