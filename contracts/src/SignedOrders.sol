// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EIP712} from "solady/utils/EIP712.sol";

import {Answering} from "./Answering.sol";
import {IInferenceOracle, Request, State} from "./interfaces/IInferenceOracle.sol";
import {Role} from "./interfaces/ILicenseRegistry.sol";
import {AnswerAt, Answers} from "./libraries/Answers.sol";
import {LicenseAt, Licenses} from "./libraries/Licenses.sol";
import {Orders} from "./libraries/Orders.sol";
import {Requests} from "./libraries/Requests.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Facts} from "./types/Facts.sol";
import {LaneWord, LaneWords} from "./types/LaneWord.sol";

/// @title Orders: asked off chain, paid from a deposit and answered in one transaction
abstract contract SignedOrders is Answering, EIP712 {
    using Requests for Request;

    /// @inheritdoc IInferenceOracle
    function fulfillOrder(Request calldata order, bytes calldata signature, bytes calldata output, uint96 minPay)
        external
        returns (uint256 pay)
    {
        if (!Orders.isOrder(order)) revert NotAnOrder();
        bytes32 id = Requests.ofCalldata(order, block.chainid);
        _requireAnswerable(id, order, output);
        Lane storage lane = _laneOf(order);
        _requireNext(lane.word, order.requesterOf(), order.facts.lane(), order.facts.seq());
        Signatures.requireValid(order.requesterOf(), hashOrder(order), signature);

        AnswerAt answer = Answers.copied(output);
        lane.word = LaneWords.pack(State.FINAL, order.facts.seq(), answer.resultHash(id, order.modelId));
        (LicenseAt requesters, LicenseAt operators) = _useBoth(order);
        if (order.feeOf() > 0) _spend(order.tokenOf(), order.requesterOf(), order.feeOf());
        uint16 royaltyBps = requesters.word().royaltyBps();
        pay = _settle(id, order, requesters.payTo(), royaltyBps, operators, minPay);

        answer.logOrder(id, order, royaltyBps, operators.word().royaltyBps());

        _callBack(id, order, answer);
    }

    /// @inheritdoc IInferenceOracle
    function cancelOrder(uint64 lane, uint32 seq) external {
        Lane storage own = _lane(msg.sender, lane);
        _requireNext(own.word, msg.sender, lane, seq);

        own.word = LaneWords.pack(State.REFUNDED, seq, 0);

        emit OrderCanceled(msg.sender, lane, seq);
    }

    /// @inheritdoc IInferenceOracle
    function hashOrder(Request calldata order) public view returns (bytes32) {
        return _hashTypedData(Orders.structHash(order));
    }

    /// @dev Uses both licenses of an order, under the terms that it names and that are in force.
    /// @return requesters The requester's.
    /// @return operators The operator's.
    function _useBoth(Request calldata order) private returns (LicenseAt requesters, LicenseAt operators) {
        (bytes32 modelId, address requester, Facts facts) = (order.modelId, order.requesterOf(), order.facts);
        uint24 version;
        (requesters, operators, version) = Licenses.ofOrder(
            REGISTRY, modelId, requester, facts.useClass(), msg.sender, _operatorsUse(order.feeOf(), facts.useClass())
        );
        if (version != facts.termsVersion()) revert OrderForOtherTerms(facts.termsVersion(), version);
        if (requesters.isLimited()) _countAll(requesters, order, requester, Role.REQUESTER);
        if (operators.isLimited()) _countAll(operators, order, msg.sender, Role.OPERATOR);
    }

    /// @dev As many uses as the order has inputs.
    function _countAll(LicenseAt license, Request calldata order, address account, Role role) private {
        uint256 uses = order.facts.items() > 0 ? order.facts.items() : 1;
        _count(license, order.modelId, account, role, order.tokenOf(), order.feeOf(), uses);
    }

    /// @dev Whether an order is the next thing in its lane, in which nothing is open.
    function _requireNext(LaneWord last, address requester, uint64 lane, uint32 seq) private pure {
        if (last.isOpen()) revert LaneBusy(requester, lane);
        uint256 next = uint256(last.seq()) + 1;
        if (seq != next) revert NotNext(seq, uint32(next));
    }
}
