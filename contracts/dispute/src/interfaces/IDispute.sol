// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Request} from "../../../src/interfaces/IInferenceOracle.sol";
import {Opening} from "../../../referee/src/Types.sol";
import {Link} from "./IAdaptor.sol";
import {IPurse} from "./IPurse.sol";
import {Claim, Cover, IWarranty} from "./IWarranty.sol";

/// @notice Whose move it is.
enum Phase {
    NONE, // no such game, or it has ended
    REVEAL, // the guarantor's: it commits to a trace
    CHALLENGER, // the challenger's: it proves, or asks for an opening
    GUARANTOR // the guarantor's, or anybody's who knows: an opening is asked
}

/// @notice A game as it stands.
struct Game {
    uint40 since; // seconds; the last move
    uint24 challengers; // seconds left on the challenger's clock; it runs in its phase alone
    uint24 guarantors; // seconds left on the guarantor's clock
    Phase phase;
    bytes32 traceRoot; // zero until it is revealed
    bytes32 witness; // what the adaptor asks of the guarantor
    uint160 asked; // what an opening has to answer, as much of its hash as a word of storage has room for; in the phase GUARANTOR
    bytes32 committed; // see `commit`; its last 5 bytes are the time, seconds
}

/// @notice Contracts that rule on a proof, in the order of `referees()`. See `contracts/referee/README.md`.
enum Judge {
    MOVES,
    POINTWISE,
    REDUCTIONS,
    PRODUCTS,
    ORDERS,
    SHAPES,
    INTEGRITY
}

/// @notice A node of the trace's tree, or of the tree of one of its tensors, with what leads from it to the root.
/// @dev Trees are those of `trace-2` (ADR 46, 56): SHA-256, leaves tagged 0, nodes 1, roots 2; a level of odd length moves its last node up.
/// Node `index` of level `level` stands over the leaves from index * 2^level to below (index + 1) * 2^level, as far as there are any.
struct Place {
    Opening header; // of the tensor, in the trace; left out (count 0) for the trace's own tree, whose leaves are the headers
    uint256 count; // leaves of that tree; zero: its root is what is asked, and what follows is left out
    uint256 level; // leaves have 0
    uint256 index; // in that level
    bytes32 node; // its hash; of a leaf, the leaf's
    bytes32[] siblings; // from it up, as in `Opening`
}

/// @title Disputes: a game that convicts a wrong answer
/// @notice One challenger against one guarantor, about one covered answer. Games are independent: several challengers can play about the
/// same answer at the same time, and a game that is lost proves nothing.
///
///     challenge  the challenger puts up `challengeBond`                             -> REVEAL, the guarantor has `REVEAL_TIME`
///     reveal     the guarantor commits to a trace of its run                        -> CHALLENGER
///     prove, proveInput, proveOutput                                                -> the answer is convicted, the game is over
///     ask        the challenger wants to see what lies beneath a node               -> GUARANTOR
///     open, openLeaves   whoever knows it                                           -> CHALLENGER
///     timeout    anybody, when the clock of whose move it is has run out            -> the game is over
///     settle     anybody, when the answer was convicted in another game             -> the game is over
///
/// A wrong answer has no consistent trace: some element does not follow from the others, and `prove` shows it. Where the guarantor serves
/// its trace off chain that takes three transactions. Where it withholds it, `ask` makes it show the trace's tree piece by piece, down
/// to the leaf that differs, on its own clock; what it shows is in calldata for all. All of its trace that a proof needs besides is
/// equal to the challenger's own. See `docs/proofs.md`.
///
/// Clocks: each side has `CLOCK` seconds for all its moves after the reveal together. It runs while it is that side's move. A move that
/// comes after is refused, also before anybody has called `timeout`. Proofs are taken in the challenger's phase and in the guarantor's.
///
/// Who loses: a guarantor that is convicted or out of time its cover's bond (see `IWarranty`; the challenger has its own bond back). A
/// challenger out of time its bond: nine tenths to the guarantor, a tenth is burnt. If another game convicts the answer first, nobody
/// loses anything in this one.
///
/// Copied proofs: only the game's challenger proves in it, after the second of its last move. If another game about the answer is open
/// from an earlier second, the proof has to be committed to before the second in which it is made: `commit`.
interface IDispute is IPurse {
    /// @notice An answer was challenged: the guarantor has until `revealBy`, that second included. What a `Claim` says besides is in
    /// `CoverBegun` of the cover and in the request's event: the guarantor too.
    event Challenged(
        bytes32 indexed game,
        bytes32 indexed requestId,
        bytes32 coverId,
        bytes32 answer,
        address challenger,
        uint40 revealBy
    );
    /// @notice The guarantor committed to a trace.
    event Revealed(bytes32 indexed game, bytes32 traceRoot, bytes32 witness);
    /// @notice The challenger wants to see what lies beneath a node. The place is in calldata.
    /// @param leaves Whether leaves are asked: `openLeaves`; otherwise nodes: `open`.
    /// @param number How many; zero: a root, as many as there are.
    event Asked(bytes32 indexed game, bytes32 node, bool leaves, uint256 number);
    /// @notice It was shown: in the transaction's own calldata, or, where a contract or an account with code called, in `shown`, which is
    /// the calldata of that call: nobody has to trace transactions to play.
    event Opened(bytes32 indexed game, bytes shown);
    /// @notice A challenger committed to a proof.
    event Committed(bytes32 indexed game, bytes32 commitment);
    /// @notice The answer is wrong, or its guarantor was silent. See `BondTaken` of the warranty, in the same transaction.
    event Convicted(bytes32 indexed game, bool silent);
    /// @notice The challenger's clock ran out. That the answer is right does not follow.
    event Dismissed(bytes32 indexed game, bytes32 indexed answer);
    /// @notice The answer was convicted in another game.
    event Settled(bytes32 indexed game, bytes32 indexed answer);

    /// @notice Wei sent, and what the cover asks for.
    error WrongBond(uint256 sent, uint256 needed);
    /// @notice This challenger plays about this answer already.
    error GameRunning(bytes32 game);
    /// @notice No such game, or it has ended; or the claim is about another answer, request, cover, oracle or chain; or the move is the
    /// challenger's, and the caller is not.
    error NoGame(bytes32 game);
    /// @notice Only the cover's guarantor. (Anybody may open.)
    error NotGuarantor(address caller, address guarantor);
    /// @notice The move is not one of this phase.
    error NotNow(Phase phase);
    /// @notice The clock has run out: `timeout`.
    error TooLate(uint256 by);
    /// @notice The clock of whose move it is has not run out; a proof must come after that second.
    error TooEarly(uint256 after_);
    /// @notice A trace has a root that is not zero.
    error NoTrace();
    /// @notice What is asked does not lead to the trace's root.
    error NotInTrace();
    /// @notice What is shown is not what was asked: another number, or it does not lead to the node.
    error WrongOpening();
    /// @notice Another game about this answer is open: commit to the proof first, and prove in a later second.
    error NotCommitted(bytes32 game);
    /// @notice The referee has ruled: what is accused follows from the trace.
    error NotRefuted();
    /// @notice These are not the bytes of the request.
    error WrongInput(bytes32 inputHash);
    /// @notice These are not the bytes of the answer.
    error WrongOutput(bytes32 answer);
    /// @notice The answer has not been convicted: the game goes on.
    error NotConvicted(bytes32 answer);

    /// @notice Says that a covered answer is wrong. Exactly the cover's `challengeBond` is sent.
    /// @param output Of an order for a list an `Item`: the game is about that alone.
    function challenge(Cover calldata cover, Request calldata request, bytes calldata output)
        external
        payable
        returns (bytes32 game);

    /// @notice Commits to the trace of the answer's run. By the guarantor.
    /// @param witness What the adaptor asks for; zero for one that asks for nothing.
    function reveal(Claim calldata claim, address challenger, bytes32 traceRoot, bytes32 witness) external;

    /// @notice Convicts by what a referee rules: a step, a kind (type and shape), an order, or that the trace is none.
    /// @param call What the referee is called with, but for the roots, which are this game's: the selector, and the encoded arguments
    /// from the fourth word on. `Prover.call` gives it with the roots: leave out bytes 4 to 99.
    function prove(Claim calldata claim, Judge judge, bytes calldata call) external;

    /// @notice Convicts by what the adaptor rules on the request's bytes and the graph's inputs.
    function proveInput(Claim calldata claim, bytes calldata input, Link calldata link) external;

    /// @notice Convicts by what the adaptor rules on the answer's bytes and the graph's outputs.
    function proveOutput(Claim calldata claim, bytes calldata output, Link calldata link) external;

    /// @notice Commits to a proof against copies: keccak256(abi.encode(game, keccak256(proof))), where the proof is the calldata of `prove`,
    /// `proveInput` or `proveOutput` as a whole, selector included. By the challenger, in any phase after the reveal. Replaces an earlier one.
    /// @param claim keccak256(abi.encode(claim)).
    function commit(bytes32 claim, bytes32 commitment) external;

    /// @notice Asks what lies beneath a node. By the challenger.
    /// @param claim keccak256(abi.encode(claim)).
    ///
    /// * Of a root (`place.count` zero): `open` with the number of leaves, and the nodes of the lowest level that has at most 32.
    /// * Of a node at most 4 levels above headers, or 2 above the leaves of a tensor: `openLeaves` with all leaves beneath it.
    /// * Of any other node: `open` with the nodes five levels below it (or as many as there are levels).
    function ask(bytes32 claim, Place calldata place) external;

    /// @notice Shows the nodes that were asked. Anybody.
    /// @param count Of a root the number of leaves; otherwise zero.
    function open(bytes32 game, uint256 count, bytes32[] calldata nodes) external;

    /// @notice Shows the leaves that were asked. Anybody.
    function openLeaves(bytes32 game, bytes[] calldata leaves) external;

    /// @notice Ends a game whose clock has run out. Anybody.
    function timeout(Claim calldata claim, address challenger) external;

    /// @notice Ends a game about an answer that was convicted in another one: the challenger has its bond back. Anybody.
    function settle(Claim calldata claim, address challenger) external;

    /// @notice The money behind answers.
    function WARRANTY() external view returns (IWarranty);

    /// @notice Seconds for the reveal.
    function REVEAL_TIME() external view returns (uint40);

    /// @notice Seconds of each side for all its moves after it.
    function CLOCK() external view returns (uint24);

    /// @notice The referee's contracts, in the order of `Judge`.
    function referees() external view returns (address[7] memory);

    /// @notice keccak256(abi.encode(keccak256(abi.encode(claim)), challenger)).
    function gameOf(Claim calldata claim, address challenger) external pure returns (bytes32);

    /// @notice A game as it stands; all zero for none.
    function stateOf(bytes32 game) external view returns (Game memory);
}
