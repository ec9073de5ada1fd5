// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "solady/utils/ECDSA.sol";

import {ICommittee, Statement} from "../../src/interfaces/ICommittee.sol";
import {Request} from "../../src/interfaces/IInferenceOracle.sol";
import {Merkle} from "../../src/libraries/Merkle.sol";
import {Requests} from "../../src/libraries/Requests.sol";
import {Claims} from "./Claims.sol";
import {Items} from "./Items.sol";
import {IStakes} from "./interfaces/IStakes.sol";
import {Cover, IWarranty} from "./interfaces/IWarranty.sol";

/// @title What a convicted answer costs the members of a committee who signed it
/// @dev Holds nothing and keeps nothing: the committee itself takes a stake once.
contract Stakes is IStakes {
    /// @inheritdoc IStakes
    IWarranty public immutable WARRANTY;
    /// @inheritdoc IStakes
    address public immutable DISPUTE;
    /// @inheritdoc IStakes
    address public immutable GUARANTOR;

    /// @inheritdoc IStakes
    mapping(address adaptor => bool) public isAdaptor;

    constructor(IWarranty warranty, address dispute, address[] memory adaptors, address guarantor) {
        (WARRANTY, DISPUTE, GUARANTOR) = (warranty, dispute, guarantor);
        for (uint256 i; i < adaptors.length; ++i) {
            isAdaptor[adaptors[i]] = true;
        }
    }

    /// @inheritdoc IStakes
    function convict(
        Cover calldata cover,
        Request calldata request,
        bytes calldata item,
        address member,
        Statement calldata said
    ) external {
        ICommittee committee = ICommittee(cover.operator);
        if (request.operator != cover.operator || request.modelId != cover.modelId) {
            revert IWarranty.OtherAnswer(request.operator, request.modelId);
        }
        if (cover.dispute != DISPUTE || !isAdaptor[cover.adaptor] || !_answersFor(committee, member, cover.guarantor)) {
            revert OtherCover(member, cover.guarantor);
        }
        address oracle = address(WARRANTY.ORACLE());
        bytes32 id = Requests.madeIn(oracle, request, block.chainid);
        (bytes32 answer, bytes32 whole) = (said.resultHash, said.resultHash);
        if (request.facts.items() > 0) (, answer, whole) = Items.open(oracle, request, id, item);
        if (!WARRANTY.coveredOf(Claims.idOf(cover), answer).convicted) revert NotConvicted(answer);
        if (whole != said.resultHash || !_hasSaid(committee, id, member, said)) {
            revert NotSaid(member, said.resultHash);
        }

        committee.convict(member, msg.sender, request.requester);
    }

    function _answersFor(ICommittee committee, address member, address guarantor) private view returns (bool) {
        if (GUARANTOR != address(0)) return guarantor == GUARANTOR;
        return guarantor == member || guarantor == committee.memberOf(member).owner;
    }

    /// @dev Signed, alone or in a batch, or revealed on chain.
    function _hasSaid(ICommittee committee, bytes32 id, address member, Statement calldata said)
        private
        view
        returns (bool)
    {
        bytes32 digest = committee.hashResult(id, said.resultHash);
        if (said.root != 0) {
            bytes32 leaf = Merkle.leafHash(id, said.resultHash);
            if (!Merkle.opens(said.root, leaf, said.index, said.count, said.siblings)) return false;
            digest = committee.hashResults(said.root);
        }
        address signer = ECDSA.tryRecover(digest, said.signature.r, said.signature.vs);
        if (signer != address(0) && signer == member) return true;
        address[] memory revealed = committee.revealedBy(id, said.resultHash);
        for (uint256 i; i < revealed.length; ++i) {
            if (revealed[i] == member) return true;
        }
        return false;
    }
}
