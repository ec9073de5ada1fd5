// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Trees} from "../../referee/src/Trees.sol";
import {Roots} from "../../referee/src/Types.sol";
import {IInferenceOracle, Request} from "../../src/interfaces/IInferenceOracle.sol";
import {Requests} from "../../src/libraries/Requests.sol";
import {Claims} from "./Claims.sol";
import {Items} from "./Items.sol";
import {Places} from "./Places.sol";
import {Purse} from "./Purse.sol";
import {TurnWord, TurnWords} from "./TurnWord.sol";
import {IAdaptor, Link} from "./interfaces/IAdaptor.sol";
import {Game, IDispute, Judge, Phase, Place} from "./interfaces/IDispute.sol";
import {Claim, Cover, Covered, IWarranty} from "./interfaces/IWarranty.sol";

/// @title Games about covered answers
/// @dev Holds the bonds of challengers alone. Of a game it stores whose move it is, the clocks and the roots; the claim is in calldata.
contract Dispute is IDispute, Purse {
    /// @dev Levels above leaves from which they are asked: headers have some 200 bytes, leaves of tensors at most 256.
    uint256 private constant ABOVE_HEADERS = 4;
    uint256 private constant ABOVE_LEAVES = 2;
    /// @dev Of a header, behind word, type and the place of the shape.
    uint256 private constant TENSOR_ROOT = 96;
    uint256 private constant TIME_BITS = 40;

    /// @inheritdoc IDispute
    IWarranty public immutable WARRANTY;
    /// @inheritdoc IDispute
    uint40 public immutable REVEAL_TIME;
    /// @inheritdoc IDispute
    uint24 public immutable CLOCK;

    IInferenceOracle private immutable ORACLE;
    address private immutable MOVES;
    address private immutable POINTWISE;
    address private immutable REDUCTIONS;
    address private immutable PRODUCTS;
    address private immutable ORDERS;
    address private immutable SHAPES;
    address private immutable INTEGRITY;

    /// @dev What is behind the turn outlives the game: whoever plays the same one again writes over it.
    struct Play {
        TurnWord turn;
        bytes32 traceRoot;
        bytes32 witness;
        bytes32 committed;
    }

    mapping(bytes32 game => Play) private _plays;

    constructor(IWarranty warranty, address[7] memory referees_, uint40 revealTime, uint24 clock) {
        for (uint256 i; i < referees_.length; ++i) {
            if (referees_[i].code.length == 0) revert IWarranty.NotAContract(referees_[i]);
        }
        (WARRANTY, ORACLE, REVEAL_TIME, CLOCK) = (warranty, warranty.ORACLE(), revealTime, clock);
        (MOVES, POINTWISE, REDUCTIONS, PRODUCTS) = (referees_[0], referees_[1], referees_[2], referees_[3]);
        (ORDERS, SHAPES, INTEGRITY) = (referees_[4], referees_[5], referees_[6]);
    }

    /// @inheritdoc IDispute
    function challenge(Cover calldata cover, Request calldata request, bytes calldata output)
        external
        payable
        returns (bytes32 game)
    {
        if (msg.value != cover.challengeBond) revert WrongBond(msg.value, cover.challengeBond);
        (bytes32 coverId, bytes32 requestId, bytes32 answer) = Claims.passOn(WARRANTY, IWarranty.openGame.selector);
        uint96 fee = request.token == address(0) ? request.fee : 0;
        bytes32 inputHash = request.inputHash;
        uint8 items = request.facts.items();
        if (items > 0) (inputHash, fee) = (Items.inputHashOf(output), fee / items);
        bytes32 hash = Claims.hashWith(cover, requestId, answer, inputHash, request.requester, fee);
        game = Claims.gameOf(hash, msg.sender);
        Play storage play = _plays[game];
        if (TurnWord.unwrap(play.turn) != 0) revert GameRunning(game);

        play.turn = TurnWords.made(Phase.REVEAL, CLOCK, CLOCK, 0);

        emit Challenged(game, requestId, coverId, answer, msg.sender, uint40(block.timestamp) + REVEAL_TIME);
    }

    /// @inheritdoc IDispute
    function reveal(Claim calldata claim, address challenger, bytes32 traceRoot, bytes32 witness) external {
        (bytes32 game, TurnWord turn) = _find(claim, challenger);
        if (msg.sender != claim.cover.guarantor) revert NotGuarantor(msg.sender, claim.cover.guarantor);
        if (turn.phase() != Phase.REVEAL) revert NotNow(turn.phase());
        if (block.timestamp > turn.since() + REVEAL_TIME) revert TooLate(turn.since() + REVEAL_TIME);
        if (traceRoot == 0) revert NoTrace();

        Play storage play = _plays[game];
        // who plays the same game again finds what the last one left
        if (witness != 0 || play.traceRoot != 0) play.witness = witness;
        play.turn = TurnWords.made(Phase.CHALLENGER, turn.challengers(), turn.guarantors(), 0);
        play.traceRoot = traceRoot;

        emit Revealed(game, traceRoot, witness);
    }

    /// @inheritdoc IDispute
    function prove(Claim calldata claim, Judge judge, bytes calldata call) external {
        bytes32 game = _provable(claim);
        _require(_ruling(_referee(judge), _roots(claim, game), call));
        _convict(claim, msg.sender, game, false);
    }

    /// @inheritdoc IDispute
    function proveInput(Claim calldata claim, bytes calldata input, Link calldata link) external {
        bytes32 game = _provable(claim);
        if (keccak256(input) != claim.inputHash) revert WrongInput(claim.inputHash);
        _require(IAdaptor(claim.cover.adaptor).refutesInput(_roots(claim, game), input, link));
        _convict(claim, msg.sender, game, false);
    }

    /// @inheritdoc IDispute
    function proveOutput(Claim calldata claim, bytes calldata output, Link calldata link) external {
        bytes32 game = _provable(claim);
        bytes32 answer = Requests.resultHash(address(ORACLE), claim.requestId, claim.cover.modelId, output);
        if (answer != claim.answer) revert WrongOutput(claim.answer);
        bytes32 witness = _plays[game].witness;
        _require(
            IAdaptor(claim.cover.adaptor).refutesOutput(_roots(claim, game), claim.inputHash, witness, output, link)
        );
        _convict(claim, msg.sender, game, false);
    }

    /// @inheritdoc IDispute
    function commit(bytes32 claim, bytes32 commitment) external {
        bytes32 game = Claims.gameOf(claim, msg.sender);
        TurnWord turn = _turn(game);
        if (turn.phase() == Phase.REVEAL) revert NotNow(turn.phase());
        _plays[game].committed = _stamped(commitment, block.timestamp);
        emit Committed(game, commitment);
    }

    /// @inheritdoc IDispute
    function ask(bytes32 claim, Place calldata place) external {
        bytes32 game = Claims.gameOf(claim, msg.sender);
        TurnWord turn = _turn(game);
        if (turn.phase() != Phase.CHALLENGER) revert NotNow(turn.phase());
        uint24 left = _left(turn.challengers(), turn.since());
        bool isTensor = place.header.count > 0;
        bytes32 root = _plays[game].traceRoot;
        if (isTensor) {
            if (!Trees.opens(root, place.header, true) || place.header.leaf.length < TENSOR_ROOT + 32) {
                revert NotInTrace();
            }
            root = bytes32(place.header.leaf[TENSOR_ROOT:TENSOR_ROOT + 32]);
        }
        (bool leaves, uint256 number, bytes32 node) = (false, 0, root);
        if (place.count > 0) {
            node = place.node;
            if (!Places.leads(root, place.count, place.level, place.index, node, place.siblings)) revert NotInTrace();
            leaves = place.level <= (isTensor ? ABOVE_LEAVES : ABOVE_HEADERS);
            uint256 levels = leaves || place.level < Places.LEVELS ? place.level : Places.LEVELS;
            number = Places.beneath(place.count, place.level - levels, place.index, levels);
        }

        uint160 asked = _asked(game, leaves, number, node);
        _plays[game].turn = TurnWords.made(Phase.GUARANTOR, left, turn.guarantors(), asked);

        emit Asked(game, node, leaves, number);
    }

    /// @inheritdoc IDispute
    function open(bytes32 game, uint256 count, bytes32[] calldata nodes) external {
        if (nodes.length == 0) revert WrongOpening();
        bytes32 top = Places.top(nodes);
        uint256 number = nodes.length;
        if (count > 0) {
            if (count > Places.MOST_LEAVES || number != Places.width(count, Places.upper(count))) {
                revert WrongOpening();
            }
            (top, number) = (Places.hash(2, bytes32(count), top), 0);
        }
        _answer(game, _asked(game, false, number, top));
    }

    /// @inheritdoc IDispute
    function openLeaves(bytes32 game, bytes[] calldata leaves) external {
        if (leaves.length == 0) revert WrongOpening();
        bytes32[] memory nodes = new bytes32[](leaves.length);
        for (uint256 i; i < leaves.length; ++i) {
            nodes[i] = Places.ofLeaf(leaves[i]);
        }
        _answer(game, _asked(game, true, leaves.length, Places.top(nodes)));
    }

    /// @inheritdoc IDispute
    function timeout(Claim calldata claim, address challenger) external {
        (bytes32 game, TurnWord turn) = _find(claim, challenger);
        uint256 by = turn.since();
        if (turn.phase() == Phase.REVEAL) by += REVEAL_TIME;
        else by += turn.phase() == Phase.CHALLENGER ? turn.challengers() : turn.guarantors();
        if (block.timestamp <= by) revert TooEarly(by);
        if (turn.phase() != Phase.CHALLENGER) return _convict(claim, challenger, game, true);

        if (WARRANTY.closeGame(claim.cover, claim.answer)) return _settle(claim, challenger, game);
        _plays[game].turn = TurnWord.wrap(0);
        uint256 lost = claim.cover.challengeBond;
        emit Dismissed(game, claim.answer);
        _send(claim.cover.guarantor, lost - lost / 10);
    }

    /// @inheritdoc IDispute
    function settle(Claim calldata claim, address challenger) external {
        (bytes32 game,) = _find(claim, challenger);
        if (!WARRANTY.closeGame(claim.cover, claim.answer)) revert NotConvicted(claim.answer);
        _settle(claim, challenger, game);
    }

    /// @inheritdoc IDispute
    function referees() external view returns (address[7] memory) {
        return [MOVES, POINTWISE, REDUCTIONS, PRODUCTS, ORDERS, SHAPES, INTEGRITY];
    }

    /// @inheritdoc IDispute
    function stateOf(bytes32 game) external view returns (Game memory state) {
        Play storage play = _plays[game];
        TurnWord turn = play.turn;
        (state.since, state.phase, state.asked) = (turn.since(), turn.phase(), turn.asked());
        (state.challengers, state.guarantors) = (turn.challengers(), turn.guarantors());
        if (turn.phase() == Phase.NONE || turn.phase() == Phase.REVEAL) return state;
        (state.traceRoot, state.witness, state.committed) = (play.traceRoot, play.witness, play.committed);
    }

    /// @inheritdoc IDispute
    function gameOf(Claim calldata claim, address challenger) public pure returns (bytes32) {
        return Claims.gameOf(Claims.hashOf(claim), challenger);
    }

    function _find(Claim calldata claim, address challenger) private view returns (bytes32 game, TurnWord turn) {
        game = gameOf(claim, challenger);
        turn = _turn(game);
    }

    function _turn(bytes32 game) private view returns (TurnWord turn) {
        turn = _plays[game].turn;
        if (TurnWord.unwrap(turn) == 0) revert NoGame(game);
    }

    /// @dev The caller's game, where a proof is taken now.
    function _provable(Claim calldata claim) private view returns (bytes32) {
        (bytes32 game, TurnWord turn) = _find(claim, msg.sender);
        if (turn.phase() == Phase.REVEAL) revert NotNow(turn.phase());
        if (turn.phase() == Phase.CHALLENGER) _left(turn.challengers(), turn.since());
        if (block.timestamp <= turn.since()) revert TooEarly(turn.since());
        Covered memory covered = _covered(claim);
        uint256 rivals = covered.openedAt < block.timestamp ? covered.games : covered.earlier;
        if (rivals > 1 && !_isCommitted(game)) revert NotCommitted(game);
        return game;
    }

    /// @dev Whether this very call was committed to in an earlier second.
    function _isCommitted(bytes32 game) private view returns (bool) {
        bytes32 committed = _plays[game].committed;
        uint256 time = uint256(committed) & ((1 << TIME_BITS) - 1);
        bytes32 commitment = keccak256(abi.encode(game, keccak256(msg.data)));
        return time < block.timestamp && committed == _stamped(commitment, time);
    }

    function _stamped(bytes32 commitment, uint256 time) private pure returns (bytes32) {
        return bytes32(uint256(commitment) >> TIME_BITS << TIME_BITS | time);
    }

    /// @dev Of a clock that runs since then. Reverts where nothing is.
    function _left(uint24 clock, uint40 since) private view returns (uint24) {
        uint256 gone = block.timestamp - since;
        if (gone > clock) revert TooLate(uint256(since) + clock);
        return clock - uint24(gone);
    }

    function _asked(bytes32 game, bool leaves, uint256 number, bytes32 node) private pure returns (uint160) {
        return uint160(uint256(keccak256(abi.encode(game, leaves, number, node))));
    }

    function _answer(bytes32 game, uint160 shown) private {
        TurnWord turn = _turn(game);
        if (turn.phase() != Phase.GUARANTOR) revert NotNow(turn.phase());
        uint24 left = _left(turn.guarantors(), turn.since());
        if (shown != turn.asked()) revert WrongOpening();
        _plays[game].turn = TurnWords.made(Phase.CHALLENGER, turn.challengers(), left, 0);
        bool isInTransaction = msg.sender == tx.origin && msg.sender.code.length == 0;
        emit Opened(game, isInTransaction ? msg.data[:0] : msg.data);
    }

    function _roots(Claim calldata claim, bytes32 game) private view returns (Roots memory) {
        return Roots(claim.cover.programRoot, claim.cover.weightsRoot, _plays[game].traceRoot);
    }

    function _covered(Claim calldata claim) private view returns (Covered memory) {
        return WARRANTY.coveredOf(Claims.idOf(claim.cover), claim.answer);
    }

    function _referee(Judge judge) private view returns (address) {
        if (judge == Judge.MOVES) return MOVES;
        if (judge == Judge.POINTWISE) return POINTWISE;
        if (judge == Judge.REDUCTIONS) return REDUCTIONS;
        if (judge == Judge.PRODUCTS) return PRODUCTS;
        if (judge == Judge.ORDERS) return ORDERS;
        return judge == Judge.SHAPES ? SHAPES : INTEGRITY;
    }

    /// @dev What a referee says of a call whose roots are put behind its selector. Reverts with what it reverts with.
    function _ruling(address referee, Roots memory roots, bytes calldata call) private view returns (bool convicted) {
        if (call.length < 4) revert NotRefuted();
        assembly ("memory-safe") {
            let whole := mload(0x40)
            calldatacopy(whole, call.offset, 4)
            mstore(add(whole, 4), mload(roots))
            mstore(add(whole, 36), mload(add(roots, 32)))
            mstore(add(whole, 68), mload(add(roots, 64)))
            calldatacopy(add(whole, 100), add(call.offset, 4), sub(call.length, 4))
            if iszero(staticcall(gas(), referee, whole, add(call.length, 96), 0, 32)) {
                returndatacopy(whole, 0, returndatasize())
                revert(whole, returndatasize())
            }
            convicted := and(eq(returndatasize(), 32), eq(mload(0), 1))
        }
    }

    function _require(bool convicted) private pure {
        if (!convicted) revert NotRefuted();
    }

    /// @dev Where another game came first, nothing is taken. Where the warranty repays the challenger, its bond stays here for nobody.
    function _convict(Claim calldata claim, address challenger, bytes32 game, bool silent) private {
        (bool taken, bool repaid) = Claims.convict(WARRANTY, claim, challenger);
        if (!taken) return _settle(claim, challenger, game);
        _plays[game].turn = TurnWord.wrap(0);
        if (!silent) delete _plays[game].traceRoot;
        emit Convicted(game, silent);
        if (!repaid) _send(challenger, claim.cover.challengeBond);
    }

    function _settle(Claim calldata claim, address challenger, bytes32 game) private {
        _plays[game].turn = TurnWord.wrap(0);
        emit Settled(game, claim.answer);
        _send(challenger, claim.cover.challengeBond);
    }
}
