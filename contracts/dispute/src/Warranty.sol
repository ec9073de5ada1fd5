// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IInferenceOracle, Request, State} from "../../src/interfaces/IInferenceOracle.sol";
import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {Requests} from "../../src/libraries/Requests.sol";
import {Claims} from "./Claims.sol";
import {CoveredWord} from "./CoveredWord.sol";
import {Items} from "./Items.sol";
import {Purse} from "./Purse.sol";
import {Bond, Claim, Cover, Covered, IWarranty} from "./interfaces/IWarranty.sol";

/// @title Money behind answers
/// @dev The balance is all bonds, credits and what is burnt, which is counted nowhere. A cover is stored as the time until which it takes challenges, an
/// answer as one word. Nothing has an owner.
contract Warranty is IWarranty, Purse {
    uint40 private constant LEAST_WINDOW = 1 hours;
    uint40 private constant MOST_WINDOW = 7 days;
    uint256 private constant LEAST_BONDS_A_CHALLENGE = 5;
    /// @dev Of a `Bond`, in its first word.
    uint256 private constant RESERVED = 96;

    /// @inheritdoc IWarranty
    uint40 public constant UNBONDING = MOST_WINDOW + 1 days;

    /// @inheritdoc IWarranty
    IInferenceOracle public immutable ORACLE;

    /// @notice Where the models of that market are registered.
    IModelRegistry public immutable REGISTRY;

    /// @inheritdoc IWarranty
    mapping(bytes32 coverId => uint40) public coveringUntil;

    mapping(address guarantor => Bond) private _bonds;
    mapping(bytes32 coverId => mapping(bytes32 answer => CoveredWord)) private _covered;

    constructor(IInferenceOracle oracle, IModelRegistry registry) {
        if (address(oracle).code.length == 0) revert NotAContract(address(oracle));
        if (address(registry).code.length == 0) revert NotAContract(address(registry));
        (ORACLE, REGISTRY) = (oracle, registry);
    }

    modifier onlyDispute(Cover calldata cover_) {
        if (msg.sender != cover_.dispute) revert NotDispute(msg.sender, cover_.dispute);
        _;
    }

    /// @inheritdoc IWarranty
    function bond(address guarantor) external payable {
        if (msg.value == 0) revert NoBond();
        _bonds[guarantor].amount += uint96(msg.value); // there is not that much ether
        emit Bonded(guarantor, msg.value);
    }

    /// @inheritdoc IWarranty
    function unbond(uint96 amount) external {
        Bond storage money = _bonds[msg.sender];
        uint40 leavesAt = amount == 0 ? 0 : uint40(block.timestamp) + UNBONDING;
        (money.leaving, money.leavesAt) = (amount, leavesAt);
        emit Unbonding(msg.sender, amount, leavesAt);
    }

    /// @inheritdoc IWarranty
    function withdrawBond(address to) external returns (uint256 amount) {
        Bond storage money = _bonds[msg.sender];
        if (money.leavesAt == 0 || block.timestamp < money.leavesAt) revert StillBonded(money.leavesAt);
        uint96 free = money.amount - money.reserved;
        uint96 paid = money.leaving < free ? money.leaving : free;
        money.amount -= paid;
        money.leaving -= paid;
        if (money.leaving == 0 || money.amount == 0) (money.leaving, money.leavesAt) = (0, 0);
        emit Unbonded(msg.sender, to, paid);
        _pay(to, paid);
        return paid;
    }

    /// @inheritdoc IWarranty
    function cover(Cover calldata cover_, bytes32 manifestHash) external returns (bytes32 coverId) {
        if (msg.sender != cover_.guarantor) revert NotGuarantor(msg.sender, cover_.guarantor);
        if (cover_.dispute.code.length == 0) revert NotAContract(cover_.dispute);
        if (cover_.adaptor.code.length == 0) revert NotAContract(cover_.adaptor);
        if (cover_.bond == 0 || cover_.challengeBond == 0) revert NoBond();
        uint256 most = cover_.bond / LEAST_BONDS_A_CHALLENGE;
        if (cover_.challengeBond > most) revert ChallengeBondTooHigh(cover_.challengeBond, most);
        if (cover_.window < LEAST_WINDOW || cover_.window > MOST_WINDOW) {
            revert WindowOutOfBounds(cover_.window, LEAST_WINDOW, MOST_WINDOW);
        }
        bytes32 modelId = cover_.modelId;
        address registrant = REGISTRY.registrantOf(modelId);
        if (
            registrant == address(0)
                || REGISTRY.modelIdOf(registrant, cover_.programRoot, cover_.weightsRoot, manifestHash) != modelId
        ) revert WrongRoots(modelId);
        coverId = coverIdOf(cover_);
        if (coveringUntil[coverId] == type(uint40).max) revert AlreadyCovering(coverId);

        coveringUntil[coverId] = type(uint40).max;

        emit CoverBegun(coverId, cover_.operator, modelId, cover_);
    }

    /// @inheritdoc IWarranty
    function endCover(Cover calldata cover_) external {
        if (msg.sender != cover_.guarantor) revert NotGuarantor(msg.sender, cover_.guarantor);
        bytes32 coverId = coverIdOf(cover_);
        if (coveringUntil[coverId] != type(uint40).max) revert NotCovering(coverId);
        uint40 until = uint40(block.timestamp) + cover_.window;
        coveringUntil[coverId] = until;
        emit CoverEnds(coverId, until);
    }

    /// @inheritdoc IWarranty
    function register(Cover calldata cover_, Request calldata request, bytes calldata output) external {
        (bytes32 coverId,, bytes32 answer, CoveredWord covered,) = _admit(cover_, request, output);
        if (covered.registeredUntil() != 0) revert AlreadyRegistered(answer);
        if (!covered.isReserved()) _reserve(cover_);
        uint256 from = request.facts.deadline() < block.timestamp ? request.facts.deadline() : block.timestamp;
        uint40 until = uint40(from) + cover_.window;
        _covered[coverId][answer] = covered.reserved().registered(until);
        emit Registered(coverId, answer, until);
    }

    /// @inheritdoc IWarranty
    function release(Cover calldata cover_, bytes32 answer) external {
        bytes32 coverId = coverIdOf(cover_);
        CoveredWord covered = _covered[coverId][answer];
        if (!covered.isReserved()) revert NothingReserved(answer);
        if (covered.games() > 0) revert StillNeeded(answer, 0);
        if (block.timestamp <= covered.registeredUntil()) revert StillNeeded(answer, covered.registeredUntil());
        _covered[coverId][answer] = covered.released();
        _free(cover_, coverId, answer);
    }

    /// @inheritdoc IWarranty
    function openGame(Cover calldata cover_, Request calldata request, bytes calldata output)
        external
        onlyDispute(cover_)
        returns (bytes32 coverId, bytes32 requestId, bytes32 answer)
    {
        CoveredWord covered;
        (coverId, requestId, answer, covered,) = _admit(cover_, request, output);
        if (!covered.isReserved()) _reserve(cover_);
        _covered[coverId][answer] = covered.reserved().opened();
    }

    /// @inheritdoc IWarranty
    function closeGame(Cover calldata cover_, bytes32 answer) external onlyDispute(cover_) returns (bool convicted) {
        (bytes32 coverId, CoveredWord covered) = _inGame(cover_, answer);
        bool isFree = covered.isReserved() && covered.games() == 0 && block.timestamp > covered.registeredUntil();
        _covered[coverId][answer] = isFree ? covered.released() : covered;
        if (isFree) _free(cover_, coverId, answer);
        return covered.isConvicted();
    }

    /// @inheritdoc IWarranty
    function convict(Claim calldata claim, address challenger)
        external
        onlyDispute(claim.cover)
        returns (bool taken, bool repaid)
    {
        (bytes32 coverId, CoveredWord covered) = _inGame(claim.cover, claim.answer);
        taken = !covered.isConvicted();
        _covered[coverId][claim.answer] = covered.convicted();
        if (taken) repaid = _take(claim, coverId, challenger);
    }

    /// @inheritdoc IWarranty
    function bondOf(address guarantor) external view returns (Bond memory) {
        return _bonds[guarantor];
    }

    /// @inheritdoc IWarranty
    function coveredOf(bytes32 coverId, bytes32 answer) external view returns (Covered memory) {
        return _covered[coverId][answer].unpacked();
    }

    /// @inheritdoc IWarranty
    function challengeableUntil(Cover calldata cover_, Request calldata request, bytes calldata output)
        external
        view
        returns (uint256 until)
    {
        CoveredWord covered;
        (,,, covered, until) = _admit(cover_, request, output);
        if (!covered.isReserved()) _requireBond(cover_);
    }

    /// @inheritdoc IWarranty
    function coverIdOf(Cover calldata cover_) public pure returns (bytes32) {
        return Claims.idOf(cover_);
    }

    /// @dev Whether an answer can be challenged now, if the bond reaches. What is registered was found in the oracle before.
    function _admit(Cover calldata cover_, Request calldata request, bytes calldata output)
        private
        view
        returns (bytes32 coverId, bytes32 requestId, bytes32 answer, CoveredWord covered, uint256 until)
    {
        if (request.operator != cover_.operator || request.modelId != cover_.modelId) {
            revert OtherAnswer(request.operator, request.modelId);
        }
        coverId = coverIdOf(cover_);
        bytes32 whole;
        (requestId, answer, whole) = _answer(request, output);
        covered = _covered[coverId][answer];
        if (covered.isConvicted()) revert AlreadyConvicted(answer);
        until = covered.registeredUntil();
        if (until == 0) {
            uint256 covering = coveringUntil[coverId];
            if (block.timestamp > covering) revert NotCovering(coverId);
            if (!_isFinal(request, whole)) revert NotFinal(answer);
            until = uint256(request.facts.deadline()) + cover_.window;
            if (covering < until) until = covering;
        }
        if (block.timestamp > until) revert WindowOver(until);
    }

    /// @return requestId The item's, of a list.
    /// @return answer The item's, of a list.
    /// @return whole What the oracle has.
    function _answer(Request calldata request, bytes calldata output)
        private
        view
        returns (bytes32 requestId, bytes32 answer, bytes32 whole)
    {
        requestId = Requests.madeIn(address(ORACLE), request, block.chainid);
        if (request.facts.items() > 0) return Items.open(address(ORACLE), request, requestId, output);
        answer = Requests.resultHash(address(ORACLE), requestId, request.modelId, output);
        whole = answer;
    }

    /// @dev As `finalized` says, which would hash request and answer once more.
    function _isFinal(Request calldata request, bytes32 answer) private view returns (bool) {
        (State state, uint32 seq, uint200 digest) = ORACLE.stateOf(request.requester, request.facts.lane());
        return state == State.FINAL && seq == request.facts.seq() && digest == uint200(uint256(answer));
    }

    /// @return money The guarantor's, amount and reserved in its lowest word.
    function _requireBond(Cover calldata cover_) private view returns (uint256 money) {
        money = _money(cover_.guarantor);
        uint256 free = uint96(money) - uint96(money >> RESERVED);
        if (free < cover_.bond) revert BondSpent(cover_.guarantor, free, cover_.bond);
    }

    /// @dev Once for each answer, however many games there are.
    function _reserve(Cover calldata cover_) private {
        _setMoney(cover_.guarantor, _requireBond(cover_) + (uint256(cover_.bond) << RESERVED));
    }

    /// @dev The first word of a `Bond`: the compiler reads and writes it once for each field.
    function _money(address guarantor) private view returns (uint256 word) {
        Bond storage found = _bonds[guarantor];
        assembly ("memory-safe") {
            word := sload(found.slot)
        }
    }

    function _setMoney(address guarantor, uint256 word) private {
        Bond storage found = _bonds[guarantor];
        assembly ("memory-safe") {
            sstore(found.slot, word)
        }
    }

    function _free(Cover calldata cover_, bytes32 coverId, bytes32 answer) private {
        _bonds[cover_.guarantor].reserved -= cover_.bond;
        emit Released(coverId, answer);
    }

    /// @dev Pays the challenger its own bond out of what is burnt, where that reaches: one transfer less.
    function _take(Claim calldata claim, bytes32 coverId, address challenger) private returns (bool repaid) {
        uint256 amount = claim.cover.bond;
        // of what is set aside for this answer: neither part falls below zero
        _setMoney(claim.cover.guarantor, _money(claim.cover.guarantor) - (amount | amount << RESERVED));
        (uint256 challengers, uint256 requesters) = _shares(amount, claim.fee);
        uint256 own = claim.cover.challengeBond;
        unchecked {
            repaid = amount - challengers - requesters >= own;
        }

        emit BondTaken(coverId, claim.answer, challenger, challengers, claim.requester, requesters);

        _send(challenger, repaid ? challengers + own : challengers);
        _send(claim.requester, requesters);
    }

    /// @dev Both are 96 bits at most, and what they give is less than the bond.
    function _shares(uint256 amount, uint256 fee) private pure returns (uint256 challengers, uint256 requesters) {
        unchecked {
            challengers = amount * 45 / 100;
            requesters = amount * 5 / 100 + (fee < amount / 2 ? fee : amount / 2);
        }
    }

    /// @dev With one game less, not stored yet.
    function _inGame(Cover calldata cover_, bytes32 answer)
        private
        view
        returns (bytes32 coverId, CoveredWord covered)
    {
        coverId = coverIdOf(cover_);
        covered = _covered[coverId][answer];
        if (covered.games() == 0) revert NotInDispute(answer);
        covered = covered.closed();
    }
}
