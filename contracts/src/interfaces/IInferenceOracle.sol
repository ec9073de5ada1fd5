// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Facts} from "../types/Facts.sol";
import {LaneWord} from "../types/LaneWord.sol";
import {Grant, Role, UseClass} from "./ILicenseRegistry.sol";
import {IPayments} from "./IPayments.sol";

/// @notice What a requester chooses, but for the fee.
struct Ask {
    bytes32 modelId;
    address operator; // the one operator trusted to answer
    UseClass useClass;
    uint64 lane; // the requester's storage lane; reusing a settled one saves 17,100 gas
    uint40 deadline; // seconds; refundable after it; at most `MAX_WINDOW` ahead
    uint32 callbackGas; // 0: no callback
}

/// @notice All that is known when a request is made. Travels in the event and in calldata; its hash is the id.
struct Request {
    address requester;
    bytes32 modelId;
    bytes32 inputHash; // keccak256 of the input bytes
    address operator;
    address token; // what the fee is paid in; zero: ether
    uint96 fee; // smallest units
    address payTo; // receives the royalty; zero: it is the model's, or there is none
    address licensee; // whose grant permits it, where that is not the requester's own
    Facts facts; // its small numbers, in one word: each word costs 400 gas
}

/// @notice Where a lane's last request stands.
enum State {
    NONE,
    OPEN,
    FINAL,
    REFUNDED
}

/// @notice Uses that a market has counted of one grant.
struct Uses {
    uint32 total; // reserved and spent
    uint32 today; // of `day`
    uint32 day; // UTC, since the epoch
}

/// @title Requests, answers and payment
/// @notice Storage keeps one word per (requester, lane): state, sequence number and a digest. A reorg can move a request, never
/// change its meaning; a replay on another chain or contract has another id. On a fork that takes a new chain id, what was open
/// before can be refunded.
///
/// Warning: an answer in a public mempool shows its output before it is final. A requester who builds blocks, or bribes those who do,
/// can keep it out until the deadline, read it and have the fee back: operators send privately, or ask for late deadlines.
/// Warning: one operator is trusted with each request. That its answer is the model's is not checked here.
/// Warning: a callback may be anything; it gets its gas, and no more.
interface IInferenceOracle is IPayments {
    /// @notice An operator offers to answer for a model, changes its offer, or withdraws it (`serving` false).
    event Served(
        bytes32 indexed modelId,
        address indexed operator,
        address token,
        bool serving,
        uint96 minFee,
        uint32 maxCallbackGas
    );
    /// @notice A request was made. All of it, input included, is here and nowhere else; storage keeps a digest.
    event Requested(bytes32 indexed id, address indexed operator, Request request, bytes input);
    /// @notice An order was asked, paid and answered. Its input is not here. Royalties are of the requester's and the operator's grant.
    event OrderFulfilled(
        bytes32 indexed id,
        address indexed operator,
        address requester,
        bytes32 modelId,
        bytes32 inputHash,
        address token,
        uint96 fee,
        Facts facts,
        uint16 requestersBps,
        uint16 operatorsBps,
        bytes output
    );
    /// @notice A requester canceled its lane's next order.
    event OrderCanceled(address indexed requester, uint64 lane, uint32 seq);
    /// @notice A request was answered. The output is here and nowhere else; storage keeps a digest of `resultHash`. What that version
    /// of the terms asks its users to say: `REGISTRY.termsOf(modelId, termsVersion)`. `royaltyBps` is the operator's; see
    /// `RoyaltyPaid`.
    event Fulfilled(
        bytes32 indexed id,
        address indexed operator,
        bytes32 resultHash,
        uint24 termsVersion,
        uint16 royaltyBps,
        bytes output
    );
    /// @notice A royalty for that answer was credited to the payee that a grant names. Others are the model's, see `Collected`.
    event RoyaltyPaid(bytes32 indexed id, address indexed payTo, Role role, uint256 amount);
    /// @notice One answer of several reverted, with this reason; the others stand.
    event NotFulfilled(bytes32 indexed id, address indexed operator, bytes reason);
    /// @notice The requester's callback reverted or ran out of its gas. The answer is final and paid all the same.
    event CallbackFailed(bytes32 indexed id);
    /// @notice A request was not answered in time; its whole fee is now its requester's credit.
    event Refunded(bytes32 indexed id, address indexed requester, uint96 fee);
    /// @notice The operator makes no offer for this model in this token.
    error OperatorNotServing(bytes32 modelId, address operator, address token);
    /// @notice The fee, without the royalty of the requester's grant, is below what the operator asks.
    error FeeTooLow(uint256 net, uint96 minFee);
    /// @notice Royalties leave the operator less than it wants of this answer: a grant has changed since.
    error PayTooLow(uint256 pay, uint96 minPay);
    /// @notice Not one answer of several could be given: `NotFulfilled` of a dry run says why.
    error NothingFulfilled();
    /// @notice The operator does not pay for that much callback gas.
    error CallbackGasTooHigh(uint32 callbackGas, uint32 maxCallbackGas);
    /// @notice Bytes of input, and how many are allowed.
    error InputTooLarge(uint256 size, uint256 maxSize);
    /// @notice Bytes of output, and how many are allowed.
    error OutputTooLarge(uint256 size, uint256 maxSize);
    /// @notice The deadline is not in the future, or the answer comes after it.
    error DeadlinePassed(uint40 deadline);
    /// @notice No request may lock its fee and its lane for that long.
    error DeadlineTooFar(uint40 deadline, uint256 latest);
    /// @notice The operator may still answer; refundable after the deadline.
    error DeadlineNotReached(uint40 deadline);
    /// @notice The lane holds an open request: use another, or wait for its answer or refund.
    error LaneBusy(address requester, uint64 lane);
    /// @notice No such request is open: never made so, already answered, or refunded.
    error NotOpen(bytes32 id);
    /// @notice Only the operator the requester chose may answer.
    error NotOperator(bytes32 id, address caller, address operator);
    /// @notice No order names a payee, a licensee, a grant or a royalty.
    error NotAnOrder();
    /// @notice The order is not its lane's next: answered, canceled, or another comes first.
    error NotNext(uint32 seq, uint32 next);
    /// @notice The order was signed for other terms than those in force.
    error OrderForOtherTerms(uint24 signed, uint24 inForce);
    /// @notice The transaction cannot give the callback the gas its requester fixed: send more.
    error InsufficientGas(uint256 available, uint256 required);

    /// @notice Offers to answer requests for a model that are paid in `token` (zero: ether), at least `minFee` each after the royalty
    /// of the requester's grant. That of the operator's own comes off it: see `fulfill`.
    function serve(bytes32 modelId, address token, uint96 minFee, uint32 maxCallbackGas) external;

    /// @notice Withdraws the offer. Open requests stay answerable until their deadline.
    function stopServing(bytes32 modelId, address token) external;

    /// @notice What an operator offers for a model; all zero while it offers nothing.
    function offerOf(bytes32 modelId, address operator, address token)
        external
        view
        returns (bool serving, uint96 minFee, uint32 maxCallbackGas);

    /// @notice Asks for one inference, paid in ether: the fee is `msg.value`. Checks the requester's license and the operator's
    /// offer, reserves a use of the grant, escrows the fee.
    function request(Ask calldata ask, bytes calldata input) external payable returns (bytes32 id);

    /// @notice The same, paid in a token. The fee must be allowed to this contract, and arrive whole.
    function requestWithToken(Ask calldata ask, bytes calldata input, address token, uint96 fee)
        external
        returns (bytes32 id);

    /// @notice The same, paid in ether (`token` zero, `msg.value` the fee) or in a token, after activating a voucher: the first use of
    /// a grant in one transaction.
    function requestWithGrant(
        Ask calldata ask,
        bytes calldata input,
        address token,
        uint96 fee,
        Grant calldata grant,
        bytes calldata signature
    ) external payable returns (bytes32 id);

    /// @notice Asks for several inferences in one transaction, paid in ether (`token` zero, `msg.value` all fees together) or in a token.
    /// All of them or none.
    function requestMany(Ask[] calldata asks, bytes[] calldata inputs, address token, uint96[] calldata fees)
        external
        payable
        returns (bytes32[] memory ids);

    /// @notice Answers a request. Only its operator, licensed at this moment, until the deadline. What the licensor does to all grants
    /// at once, a change of terms or a raised epoch, does not touch requests made before it; revoking the operator's grant does.
    /// A fee above zero makes the operator's use commercial. Royalties of both grants are taken from the fee.
    /// The callback can neither revert this nor take more than its gas.
    /// @param minPay Least pay, smallest units, that the operator answers for: a voucher that raises its royalty could be put into
    /// force just before.
    /// @return pay What is the operator's of the fee, smallest units: in its till.
    function fulfill(Request calldata request_, bytes calldata output, uint96 minPay) external returns (uint256 pay);

    /// @notice Answers several requests. Each stands for itself: one that reverts is told in `NotFulfilled` and costs the others nothing.
    /// Reverts where all do.
    /// @return fulfilled How many were answered.
    function fulfillMany(Request[] calldata requests, bytes[] calldata outputs, uint96[] calldata minPays)
        external
        returns (uint256 fulfilled);

    /// @notice Asks, pays and answers in one transaction what a requester has signed: `hashOrder`, by key, ERC-1271 or EIP-7702. Only
    /// the operator, until the deadline, under the terms that the order names; both licensed at this moment. The fee comes from the
    /// requester's deposit, royalties from the fee. No offer is asked for. The rest is as with a request.
    /// An order takes its lane's next number, so it is answered once. One for a list (`items` above zero) is as many uses of both grants;
    /// its output is a root, see `ResultList`. An operator that is a contract has its members agree on the order's id.
    /// @param order Its `payTo`, `licensee`, `grantSeq` and `royaltyBps` are zero.
    /// @return pay What the operator earned, smallest units.
    function fulfillOrder(Request calldata order, bytes calldata signature, bytes calldata output, uint96 minPay)
        external
        returns (uint256 pay);

    /// @notice Cancels the caller's next order of a lane, signed or not.
    function cancelOrder(uint64 lane, uint32 seq) external;

    /// @notice Returns the whole fee of an unanswered request to its requester's credit, and its use to the grant. Anyone, after the
    /// deadline.
    function refund(Request calldata request_) external;

    /// @notice The EIP-712 digest a requester signs.
    function hashOrder(Request calldata order) external view returns (bytes32);

    /// @notice Uses that were counted here of a grant that limits them.
    function usesOf(bytes32 grantHash) external view returns (Uses memory);

    /// @notice Views that only people need: a `Lens` on this contract and its registry.
    function LENS() external view returns (address);

    /// @notice A lane's word, unpacked. The digest is the low 200 bits of the request's id while OPEN, of its result hash when
    /// FINAL, and zero when REFUNDED.
    function stateOf(address requester, uint64 lane) external view returns (State state, uint32 seq, uint200 digest);

    /// @notice A lane's word as it is kept. While a request is open there, it tells too what is asked of the operator: whether a grant,
    /// for which use, and of which epoch at least.
    function laneOf(address requester, uint64 lane) external view returns (LaneWord);

    /// @notice Whether `output` is the final answer to the request, as long as its lane is not reused.
    function finalized(Request calldata request_, bytes calldata output) external view returns (bool);

    /// @notice keccak256(abi.encode(REQUEST_TYPEHASH, chainid, this, request)).
    function idOf(Request calldata request_) external view returns (bytes32);

    /// @notice keccak256(abi.encode(RESULT_TYPEHASH, chainid, this, id, modelId, keccak256(output))).
    function resultHashOf(bytes32 id, bytes32 modelId, bytes calldata output) external view returns (bytes32);
}
