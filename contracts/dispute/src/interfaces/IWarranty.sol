// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IInferenceOracle, Request} from "../../../src/interfaces/IInferenceOracle.sol";
import {IPurse} from "./IPurse.sol";

/// @notice That somebody stands for an operator's answers with a model. Travels in the event and in calldata; its hash is the cover's id.
struct Cover {
    address guarantor; // whose bond it is: mostly the operator itself
    address operator; // whose answers; a committee's address for those of a committee
    bytes32 modelId;
    bytes32 programRoot; // of that model, as its id binds it
    bytes32 weightsRoot;
    address dispute; // the contract that decides, and alone may take the bond: see `IDispute`
    address adaptor; // says how the model reads inputs and writes answers: see `IAdaptor`
    uint96 bond; // wei that one wrong answer costs the guarantor
    uint96 challengeBond; // wei of whoever challenges; at most a fifth of the bond
    uint40 window; // seconds after an answer in which it can be challenged at the least; 1 hour to 7 days
}

/// @notice What a game is about. Nothing of it is stored: its hash with the challenger is the game's id.
struct Claim {
    Cover cover;
    bytes32 requestId; // or the item's
    bytes32 answer; // `IInferenceOracle.resultHashOf` of that and its output
    bytes32 inputHash; // as the request, or the item, says
    address requester; // as the request says
    uint96 fee; // of the request, wei, an item's part rounded down; zero for one in a token
}

/// @notice One answer of an order for a list (ADR 39): what stands in the place of an output, as abi.encode of these seven fields.
/// It has an id of its own, keccak256(abi.encode(order's id, index)), and with it a result hash, as if it had been asked alone.
/// @dev An answer that says to be about another input than the order has there is no answer to it: its output counts as the 64
/// bytes abi.encode(about, inputHash), which no model says.
struct Item {
    bytes32 root; // what the order was answered with
    bytes32 about; // keccak256 of the input, as the answer says
    bytes32 inputHash; // keccak256 of the input, as the order says
    uint256 index; // in the list
    bytes output;
    bytes32[] inputs; // siblings from the input's leaf up to the order's input hash, see `Merkle.opens`
    bytes32[] results; // siblings from the answer's leaf up to `root`
}

/// @notice A guarantor's money.
struct Bond {
    uint96 amount; // wei, all that follows included
    uint96 reserved; // wei of answers that are registered or in a game: nobody can take it out
    uint40 leavesAt; // seconds; zero: nothing leaves
    uint96 leaving; // wei that can be taken out then, unless it is reserved
}

/// @notice One answer under one cover.
struct Covered {
    uint16 games; // open ones
    uint16 earlier; // of these, as many were opened before `openedAt`
    uint40 openedAt; // seconds; when the last one was
    uint40 registeredUntil; // seconds; zero: not registered
    bool reserved; // its bond is set aside
    bool convicted; // for ever
}

/// @title Warranty: money behind answers
/// @notice An answer of the oracle is final at once. Here somebody stands for it afterwards: a guarantor deposits a bond and covers an
/// operator's answers with a model. For a time, anybody who can prove that such an answer is wrong gets a share of it.
///
/// An answer needs nothing to be covered: the honest path costs no gas. It is covered as long as its lane in the oracle is not used
/// again, and as far as the bond reaches: who challenges first takes from it first. `register` frees an answer of both: it is proved
/// to be in the oracle once and for all, and its bond set aside. Anybody may do that, before the lane is used again.
///
/// Until when an answer can be challenged: one that is registered until `registeredUntil`, which is min(time of registering, deadline
/// of the request) + window. Any other until its request's deadline + window, since no contract knows when it came. A cover that is
/// ended takes challenges for one more window.
///
/// Division of a bond that is taken, in wei: 45 % the challenger; 5 % the requester, and its fee on top where that was in ether, at
/// most half of the bond; the rest is burnt, so that who lies cannot convict itself and lose nothing. Shares are sent at once with
/// 2,300 gas; who does not take them has a credit.
///
/// Warning: a cover is worth what its dispute contract, its adaptor and its free bond are. Whoever relies on one checks all three.
/// Warning: what is proved of an answer is what the adaptor can say of its model: see the adaptor.
/// Warning: the bond may be smaller than the answers it stands for together.
/// Orders are covered as requests are, and of an order for a list (`Facts.items` above zero) each item by itself: in the place of the
/// output stands an `Item`, which proves it. Warning: whose proof nobody shows is known to nobody, and cannot be challenged.
interface IWarranty is IPurse {
    /// @notice A guarantor covers answers from now on, and those given before that can still be challenged.
    event CoverBegun(bytes32 indexed coverId, address indexed operator, bytes32 indexed modelId, Cover cover);
    /// @notice A guarantor covers no more. Challenges are taken until then.
    event CoverEnds(bytes32 indexed coverId, uint40 until);
    /// @notice A bond grew.
    event Bonded(address indexed guarantor, uint256 amount);
    /// @notice Part of a bond can be taken out from then on, unless games have taken or reserved it by then. It replaces what was
    /// leaving before.
    event Unbonding(address indexed guarantor, uint256 amount, uint40 leavesAt);
    /// @notice Part of a bond was taken out.
    event Unbonded(address indexed guarantor, address to, uint256 amount);
    /// @notice An answer's bond is set aside, and it can be challenged until then whatever becomes of its lane.
    event Registered(bytes32 indexed coverId, bytes32 indexed answer, uint40 until);
    /// @notice An answer's bond is free again.
    event Released(bytes32 indexed coverId, bytes32 indexed answer);
    /// @notice A cover's bond was taken and divided; the rest of it is burnt.
    event BondTaken(
        bytes32 indexed coverId,
        bytes32 indexed answer,
        address challenger,
        uint256 challengers,
        address requester,
        uint256 requesters
    );

    /// @notice Only the guarantor that the cover names.
    error NotGuarantor(address caller, address guarantor);
    /// @notice The roots are not those that the model's id binds.
    error WrongRoots(bytes32 modelId);
    /// @notice There is no code at this address.
    error NotAContract(address account);
    /// @notice A bond, or a share of one, must not be zero.
    error NoBond();
    /// @notice A challenge may cost a fifth of the bond at most.
    error ChallengeBondTooHigh(uint256 challengeBond, uint256 most);
    /// @notice Seconds of a window, and the bounds.
    error WindowOutOfBounds(uint256 window, uint256 least, uint256 most);
    /// @notice The very cover is in force already.
    error AlreadyCovering(bytes32 coverId);
    /// @notice No such cover, or it has ended.
    error NotCovering(bytes32 coverId);
    /// @notice The request names another operator or model than the cover.
    error OtherAnswer(address operator, bytes32 modelId);
    /// @notice The item does not lead to the order's input hash, or not to the root that answers it.
    error NotInList(bytes32 orderId);
    /// @notice Not the final answer to this request, or its lane was used again before it was registered.
    error NotFinal(bytes32 answer);
    /// @notice Challenges of this answer were taken until then.
    error WindowOver(uint256 until);
    /// @notice The guarantor's free bond does not reach: the answer is not covered.
    error BondSpent(address guarantor, uint256 free, uint256 needed);
    /// @notice It is registered already.
    error AlreadyRegistered(bytes32 answer);
    /// @notice The answer's bond is not set aside, or free again.
    error NothingReserved(bytes32 answer);
    /// @notice The answer was convicted before: there is nothing more to take.
    error AlreadyConvicted(bytes32 answer);
    /// @notice Only the dispute contract that the cover names.
    error NotDispute(address caller, address dispute);
    /// @notice No game about this answer is open.
    error NotInDispute(bytes32 answer);
    /// @notice The answer's bond is needed until then, or by open games (zero).
    error StillNeeded(bytes32 answer, uint256 until);
    /// @notice The bond cannot be taken out before; zero: `unbond` first.
    error StillBonded(uint256 until);

    // guarantors

    /// @notice Adds to a guarantor's bond. Anyone.
    function bond(address guarantor) external payable;

    /// @notice Announces that this much of the caller's bond shall leave; it backs answers for `UNBONDING` seconds more. Zero: nothing.
    function unbond(uint96 amount) external;

    /// @notice Pays out what has left, as far as it was not taken and is not reserved.
    function withdrawBond(address to) external returns (uint256 amount);

    /// @notice Begins to cover. By the guarantor. The same cover can begin anew once it has ended.
    /// @param manifestHash Of the model, so that its id shows the roots to be its own.
    function cover(Cover calldata cover_, bytes32 manifestHash) external returns (bytes32 coverId);

    /// @notice Covers no more. By the guarantor.
    function endCover(Cover calldata cover_) external;

    // answers

    /// @notice Sets an answer's bond aside. Anyone, before the lane is used again.
    /// @param output Of an order for a list an `Item`, here and below.
    function register(Cover calldata cover_, Request calldata request, bytes calldata output) external;

    /// @notice Frees the bond of an answer whose window is over. Anyone.
    function release(Cover calldata cover_, bytes32 answer) external;

    // disputes: by the contract that the cover names

    /// @notice A game begins: checks that the answer is final and covered, and sets its bond aside.
    /// @return coverId The cover's id.
    /// @return requestId The request's, or the item's.
    /// @return answer `IInferenceOracle.resultHashOf` of that and the output, under which it is known here.
    function openGame(Cover calldata cover_, Request calldata request, bytes calldata output)
        external
        returns (bytes32 coverId, bytes32 requestId, bytes32 answer);

    /// @notice A game ended without a conviction.
    /// @return convicted Whether another game has convicted the answer.
    function closeGame(Cover calldata cover_, bytes32 answer) external returns (bool convicted);

    /// @notice A game ended with a conviction: takes the bond and divides it.
    /// @return taken Whether this one was the first: a bond is taken once.
    /// @return repaid Whether the challenger has its own bond back too, out of what would be burnt: the dispute contract keeps that much
    /// instead, for nobody. False where the fee leaves too little.
    function convict(Claim calldata claim, address challenger) external returns (bool taken, bool repaid);

    // views

    /// @notice The market whose answers are covered.
    function ORACLE() external view returns (IInferenceOracle);

    /// @notice Seconds between `unbond` and the end of a bond.
    function UNBONDING() external view returns (uint40);

    /// @notice keccak256(abi.encode(cover)).
    function coverIdOf(Cover calldata cover_) external pure returns (bytes32);

    /// @notice Until when a cover takes challenges, seconds; zero: never begun. The largest number: it has not been ended.
    function coveringUntil(bytes32 coverId) external view returns (uint40);

    /// @notice A guarantor's money.
    function bondOf(address guarantor) external view returns (Bond memory);

    /// @notice An answer under a cover.
    function coveredOf(bytes32 coverId, bytes32 answer) external view returns (Covered memory);

    /// @notice Until when this answer can be challenged, seconds. Reverts with the reason where it cannot be challenged now.
    function challengeableUntil(Cover calldata cover_, Request calldata request, bytes calldata output)
        external
        view
        returns (uint256 until);
}
