// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CommitteeFactory} from "../../src/committee/CommitteeFactory.sol";
import {ICommittee, Offer, Rules, Signature} from "../../src/interfaces/ICommittee.sol";
import {Ask, Request} from "../../src/interfaces/IInferenceOracle.sol";
import {Fixture} from "./Fixture.sol";
import {Plain} from "./Plain.sol";
import {VM, account} from "./Vm.sol";

/// @notice A committee of three that answers by two signatures, and serves the model as `operator`; a fourth key is nobody's.
abstract contract CommitteeFixture is Fixture {
    uint96 internal constant STAKE = 10 ether;
    uint96 internal constant FINE = 1 ether;
    uint40 internal constant WINDOW = 5 minutes;
    uint40 internal constant UNBONDING = 7 days;
    address internal constant ETHER = address(0);
    uint256 internal constant OUTSIDER = 3;

    CommitteeFactory internal factory;
    ICommittee internal committee;
    uint256[4] internal keys = [uint256(0xBEEF), 0xCAFE, 0xD00D, 0xF00D];
    address[4] internal who;

    function setUp() public virtual override {
        super.setUp();
        for (uint256 i; i < 4; ++i) {
            for (uint256 j; j < i; ++j) {
                if (VM.addr(keys[i]) < VM.addr(keys[j])) (keys[i], keys[j]) = (keys[j], keys[i]);
            }
        }
        for (uint256 i; i < 4; ++i) {
            who[i] = VM.addr(keys[i]);
            VM.deal(who[i], 100 ether);
        }
        factory = new CommitteeFactory(oracle);
        committee = ICommittee(factory.create(_rules(), new address[](0)));
        operator = address(committee);
        for (uint256 i; i < OUTSIDER; ++i) {
            _join(i);
        }
    }

    function _rules() internal pure returns (Rules memory) {
        return Rules({
            threshold: 2, maxRoyaltyBps: ROYALTY_BPS, window: WINDOW, unbonding: UNBONDING, stake: STAKE, fine: FINE
        });
    }

    function _join(uint256 index) internal {
        VM.prank(who[index]);
        committee.join{value: STAKE}(_owner(index), address(0), "https://member.example");
    }

    function _leave(uint256 index) internal {
        VM.prank(who[index]);
        committee.leave(who[index]);
    }

    /// @dev The model is offered for ether, by members 0 and 1.
    function _offerModel(uint96 minFee) internal {
        Offer memory offered = Offer(modelId, ETHER, true, minFee, MAX_CALLBACK_GAS, committee.offers());
        committee.offer(offered, _signed(committee.hashOffer(offered), 3));
    }

    function _owner(uint256 index) internal pure returns (address) {
        return account(index == 0 ? "owner 0" : index == 1 ? "owner 1" : index == 2 ? "owner 2" : "owner 3");
    }

    /// @dev Signatures by the members whose bits are set, in order.
    function _signed(bytes32 digest, uint256 mask) internal view returns (Signature[] memory signatures) {
        signatures = new Signature[](_count(mask));
        uint256 made;
        for (uint256 i; i < 4; ++i) {
            if (mask >> i & 1 == 1) signatures[made++] = _signature(keys[i], digest);
        }
    }

    function _addresses(uint256 mask) internal view returns (address[] memory addresses) {
        addresses = new address[](_count(mask));
        uint256 made;
        for (uint256 i; i < 4; ++i) {
            if (mask >> i & 1 == 1) addresses[made++] = who[i];
        }
    }

    function _signature(uint256 key, bytes32 digest) internal pure returns (Signature memory) {
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(key, digest);
        return Signature(r, bytes32(uint256(v - 27) << 255 | uint256(s)));
    }

    function _resultDigest(Request memory request, bytes memory output) internal view returns (bytes32) {
        bytes32 id = oracle.idOf(request);
        return committee.hashResult(id, oracle.resultHashOf(id, request.modelId, output));
    }

    /// @dev An open request of the committee in a lane; with the requester's first grant, if it pays a royalty.
    function _openIn(uint64 lane, uint96 fee, uint16 royaltyBps) internal returns (Plain memory made, bytes32 id) {
        Ask memory ask = _ask();
        ask.lane = lane;
        id = _request(ask, fee);
        (, uint32 seq,) = oracle.stateOf(requester, lane);
        made = _made(ask, requester, seq, fee, royaltyBps);
        VM.assertEq(oracle.idOf(made.wire()), id);
    }

    function _answer(Plain memory made, bytes memory output, uint256 mask) internal {
        Request memory request = made.wire();
        committee.answer(request, output, _signed(_resultDigest(request, output), mask));
    }

    function _count(uint256 mask) private pure returns (uint256 bits) {
        for (; mask > 0; mask >>= 1) {
            bits += mask & 1;
        }
    }
}
