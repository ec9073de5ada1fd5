// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IInferenceOracle, Request} from "./IInferenceOracle.sol";

/// @notice What makes a committee; with the list of who may join, its address.
struct Rules {
    uint8 threshold; // members that must sign the same result
    uint16 maxRoyaltyBps; // of the fee, at most, to the licensor by the committee's own grant: no answer is given for less pay
    uint40 window; // seconds for on-chain commitments, as many for their reveals, and at least as many for the count
    uint40 unbonding; // seconds between leaving and the stake's release; at least three windows, at most 365 days
    uint96 stake; // wei of each member, exactly
    uint96 fine; // wei of a member that commits on chain and does not reveal; at most the stake
}

/// @notice A secp256k1 signature as EIP-2098 writes it: 64 bytes.
struct Signature {
    bytes32 r;
    bytes32 vs; // s, and in the top bit v - 27
}

/// @notice That a member signed a result: alone (`Result`; `root` is zero), or as a leaf of a batch (`Results`).
struct Statement {
    bytes32 resultHash;
    Signature signature;
    bytes32 root; // what was signed; zero: the result alone
    uint256 index; // of the leaf
    uint256 count; // leaves of the batch
    bytes32[] siblings; // from the leaf up, see `Merkle.opens`
}

/// @notice An offer of the committee in the market, which M members sign.
struct Offer {
    bytes32 modelId;
    address token; // zero: ether
    bool serving; // false: the offer ends, and the rest is zero
    uint96 minFee; // smallest units
    uint32 maxCallbackGas;
    uint256 nonce; // `offers()`: each is taken once, in order
}

/// @notice A member as it stands.
struct Member {
    uint96 stake; // wei; zero: nothing is at stake
    uint40 releaseAt; // seconds; zero: it has not left
    bool slashed; // for ever
    address owner; // who gets stake and pay; stays that of the first time
    address slashBy; // a contract that may take the stake; zero: none
    string endpoint; // where other members find it; empty: it calls them
}

/// @title A committee: an operator that answers when M of its members signed the same result
/// @notice A consumer chooses it by naming its address as operator. It has no owner: who may join is part of its address, what it
/// offers is signed by M members, and no one moves what is not theirs.
///
/// A member is an account with a key: it signs results off chain (EIP-712, domain "Themis Committee", "1", chain, this contract):
///     Commitment(bytes32 request,bytes32 commitment)   commitment = keccak256(abi.encode(resultHash, salt, member))
///     Result(bytes32 request,bytes32 resultHash)       resultHash = IInferenceOracle.resultHashOf(id, modelId, output)
///     Results(bytes32 root)                            a batch: Merkle root over the leaves abi.encode(id, resultHash)
///     Offer(bytes32 modelId,address token,bool serving,uint96 minFee,uint32 maxCallbackGas,uint256 nonce)
/// Its key is hot; its owner, which gets the stake back and is paid, may be a cold account or a contract.
///
/// Where members are silent, any commitments that are signed can be put on chain: they are taken for one window, revealed in the next,
/// and M equal reveals are counted as an answer. Who is on chain and does not reveal is fined. Nobody loses for being outvoted: only two signatures of one
/// member on different results of one request, or the contract that the member named when it joined, take a stake.
///
/// Warning: M members that agree on a lie are believed; what is at stake for it is M stakes, and only with a contract in `slashBy` that
/// can tell. Whoever can pay M stakes can be M members of an open committee.
/// Warning: a report can be copied by whoever builds the block.
interface ICommittee {
    /// @notice A member put up its stake.
    event Joined(address indexed member, address indexed owner, address slashBy, string endpoint);
    /// @notice A member can be found elsewhere.
    event EndpointChanged(address indexed member, string endpoint);
    /// @notice A member signs no more. Its stake is bound until then.
    event Left(address indexed member, uint40 releaseAt);
    /// @notice What was left of a stake is its owner's credit.
    event Released(address indexed member, uint256 amount);
    /// @notice A fined member has its whole stake again.
    event ToppedUp(address indexed member, uint256 amount);
    /// @notice Part of a stake was taken: from a member that committed on chain to a result of the request and did not reveal it.
    event Fined(address indexed member, bytes32 indexed id, address reporter, uint256 amount);
    /// @notice A stake was taken: the member signed both results of the request.
    event Slashed(
        address indexed member,
        bytes32 indexed id,
        address reporter,
        bytes32 resultHash,
        bytes32 otherHash,
        uint256 amount
    );
    /// @notice A stake was taken by the contract that the member had named.
    event Convicted(address indexed member, address indexed by, address reporter, uint256 amount);
    /// @notice The committee answered a request; these signed, or revealed, the result. See the oracle's `Fulfilled`.
    event Answered(bytes32 indexed id, address[] signers);
    /// @notice The committee answered a batch; these signed its root. Which answers: the oracle's `Fulfilled` in this transaction.
    event AnsweredMany(bytes32 indexed root, uint256 answered, address[] signers);
    /// @notice One answer of a batch reverted, with this reason; the others stand.
    event NotAnswered(bytes32 indexed id, bytes reason);
    /// @notice The first commitments for a request came on chain. More are taken until `revealsFrom`, that second included; reveals
    /// after it, until `revealsTo`, that second included.
    event RoundOpened(bytes32 indexed id, uint40 revealsFrom, uint40 revealsTo);
    /// @notice A member's signed commitment is on chain.
    event Committed(bytes32 indexed id, address indexed member, bytes32 commitment);
    /// @notice A commitment was opened. Whoever's result is not the one that is answered was outvoted.
    event Revealed(bytes32 indexed id, address indexed member, bytes32 resultHash);
    /// @notice M members changed what the committee offers: see the oracle's `Served`.
    event Offered(uint256 indexed nonce, address[] signers);
    /// @notice What a group of signers had earned together became credits of their owners, a share each; `rest` of the division is with
    /// the first one's.
    event Split(address indexed token, address[] signers, uint256 share, uint256 rest);
    /// @notice An account's credit was paid out.
    event Withdrawn(address indexed token, address indexed account, address to, uint256 amount);

    /// @notice Not on the list that is part of the committee's address.
    error NotListed(address account);
    /// @notice It has a stake here already, or one that is not released yet.
    error AlreadyMember(address account);
    /// @notice Its stake was taken once: the same proof would take the next.
    error WasSlashed(address account);
    /// @notice Wei sent, and what the rules ask for.
    error WrongStake(uint256 sent, uint256 needed);
    /// @notice Stake and pay need an owner, and keep the one of the first time.
    error WrongOwner(address owner);
    /// @notice Bytes of an endpoint, and how many are allowed.
    error EndpointTooLong(uint256 size, uint256 maxSize);
    /// @notice Only the member, or its owner, may do this.
    error NotMember(address member, address caller);
    /// @notice It has left before, or has nothing at stake.
    error NotIn(address member);
    /// @notice The stake is bound until then.
    error StillBonded(address member, uint40 releaseAt);
    /// @notice The recovered account is no member in good standing: a stranger, one that has left or was fined; or the signature is for
    /// another request, result, committee or chain.
    error NotSigning(address account);
    /// @notice The signature has no signer at all.
    error InvalidSignature(uint256 index);
    /// @notice Signers must ascend: this one came before or comes twice.
    error NotAscending(address signer, address next);
    /// @notice Exactly M signatures are needed.
    error WrongSignatureCount(uint256 given, uint256 needed);
    /// @notice An empty list, or lists that belong together and differ in length.
    error UnequalLists(uint256 items, uint256 others);
    /// @notice Not one answer of a batch could be given: `NotAnswered` of a dry run says why.
    error NothingAnswered();
    /// @notice The offer is not the next one: it was taken before, or another comes first.
    error WrongNonce(uint256 nonce, uint256 next);
    /// @notice No request of this committee is open under this id.
    error NotOpen(bytes32 id);
    /// @notice Three windows do not end before the deadline any more, or this one is over.
    error TooLate(bytes32 id, uint256 latest);
    /// @notice Not before that second.
    error TooEarly(bytes32 id, uint256 earliest);
    /// @notice All these members have a commitment for this request on chain.
    error AlreadyCommitted(bytes32 id);
    /// @notice The member has no commitment for this request on chain, or has revealed it.
    error NotCommitted(bytes32 id, address member);
    /// @notice Result and salt are not what the member committed to.
    error CommitmentMismatch(bytes32 id, address member);
    /// @notice Fewer than M members in good standing have revealed that result.
    error TooFewReveals(bytes32 id, uint256 revealed, uint256 needed);
    /// @notice The request was answered, or its lane was used again: nobody is fined.
    error NotUnanswered(bytes32 id);
    /// @notice The member did not sign that statement.
    error NotSigned(address member, address signer);
    /// @notice Proof does not open the leaf under the root.
    error NotInBatch(bytes32 id, bytes32 resultHash);
    /// @notice Both statements say the same: nobody is slashed for that.
    error SameResult(bytes32 id, bytes32 resultHash);
    /// @notice Only the contract that the member named when it joined.
    error NotSlasher(address member, address caller);
    /// @notice What the group earned has not all been collected from the oracle: `collect` it first.
    error NotCollected(uint256 earned, uint256 available);
    /// @notice The receiver does not take the money; the credit stays.
    error TransferFailed(address to);
    /// @notice This is the code that committees share, and no committee.
    error NoCommittee();
    /// @notice Only the oracle sends ether without a call.
    error UnexpectedEther(address from);

    // members

    /// @notice Becomes a member: the caller's key signs from now on. Exactly the stake is sent. Anyone, or whoever is listed.
    /// @param owner Who gets stake and pay.
    /// @param slashBy A contract that may take the stake, zero for none.
    /// @param endpoint Where other members find the node, at most `MAX_ENDPOINT_BYTES`.
    function join(address owner, address slashBy, string calldata endpoint) external payable;

    /// @notice Says where the caller's node is to be found.
    function setEndpoint(string calldata endpoint) external;

    /// @notice Signs no more. By the member or its owner. The stake stays bound for `unbonding` seconds.
    function leave(address member) external;

    /// @notice Gives the stake back to the owner's credit. Anyone, once it is bound no longer.
    function release(address member) external;

    /// @notice Makes a fined member's stake whole, so that it may sign again. Anyone; exactly what is missing is sent.
    function topUp(address member) external payable;

    /// @notice M members offer a model in the oracle, change the offer, or end it.
    function offer(Offer calldata offer_, Signature[] calldata signatures) external;

    // answers

    /// @notice Answers a request whose operator is this committee, in the oracle and in this transaction. Anyone with M signatures of
    /// members over `Result`, ascending by member. Where the terms that the request is pinned to ask operators for a grant, the
    /// committee needs one, and each signer one of its own without limits on its uses.
    function answer(Request calldata request, bytes calldata output, Signature[] calldata signatures) external;

    /// @notice Answers several requests by one signature of each signer over `Results`. Each answer stands for itself: one that the
    /// oracle refuses is told in `NotAnswered`. Reverts where all are, and where a signer lacks its license.
    function answerMany(Request[] calldata requests, bytes[] calldata outputs, Signature[] calldata signatures)
        external
        returns (uint256 answered);

    /// @notice Answers an order, or one for a list by its root, whose operator is this committee: asked, paid out of its requester's
    /// deposit and answered in this transaction. Anyone with M signatures of members over `Result` of the order's id. Licensed as in
    /// `answer`, at this moment. Reverts where less is earned than the offer asks for each input, less the most that the rules give
    /// of the committee's own. Nothing of an order is on chain before its answer, so it has no round there: who gets none pays nothing.
    /// @param order As `IInferenceOracle.fulfillOrder` takes it.
    /// @param signature The requester's over `IInferenceOracle.hashOrder`.
    function answerOrder(
        Request calldata order,
        bytes calldata signature,
        bytes calldata output,
        Signature[] calldata signatures
    ) external;

    // on chain, where members are silent

    /// @notice Puts signed commitments on chain, ascending by member. Anyone. The first ones open a round: a window for more, a window for
    /// reveals, and before the request's deadline at least one more for the count. What is on chain already is passed over.
    function commit(Request calldata request, bytes32[] calldata commitments, Signature[] calldata signatures) external;

    /// @notice Opens a commitment. Anyone who knows its salt.
    function reveal(bytes32 id, address member, bytes32 resultHash, bytes32 salt) external;

    /// @notice Answers with a result that M members in good standing have revealed: the first M share the pay. Anyone who has the output.
    function count(Request calldata request, bytes calldata output) external;

    /// @notice Fines a member that did not reveal, once the window for reveals is over and while the request is not answered: 45 % to the
    /// caller, 5 % to the requester, the rest is burnt. Anyone. A fined member has to top up before it signs again.
    function fine(Request calldata request, address member) external;

    // conviction

    /// @notice Takes the stake of a member that signed two results of one request: 45 % to the caller, 5 % to the requester, the rest is
    /// burnt. Anyone, in one transaction; also while the member is leaving.
    function slash(Request calldata request, address member, Statement calldata one, Statement calldata other) external;

    /// @notice Takes the stake of a member by the contract it named when it joined; divided likewise.
    function convict(address member, address reporter, address requester) external;

    // pay

    /// @notice Fetches from the oracle what the committee's answers about these models have earned. Anyone.
    /// @return amount Smallest units.
    function collect(address token, bytes32[] calldata modelIds) external returns (uint256 amount);

    /// @notice Divides what a group of signers has earned together among their owners. Anyone; it must be collected.
    /// @param signers As `Answered` lists them.
    function split(address token, address[] calldata signers) external returns (uint256 amount);

    /// @notice Pays an account its credit. Anyone may call it; the money goes to the account alone.
    function withdraw(address token, address account) external returns (uint256 amount);

    /// @notice Pays the caller's credit to another account.
    function withdrawTo(address token, address to) external returns (uint256 amount);

    /// @notice `collect`, `split` for each group, and `withdraw` in one transaction.
    function claim(address token, bytes32[] calldata modelIds, address[][] calldata groups, address account)
        external
        returns (uint256 amount);

    // views

    /// @notice The market whose requests are answered.
    function ORACLE() external view returns (IInferenceOracle);

    /// @notice What makes this committee.
    function rules() external view returns (Rules memory);

    /// @notice Who may join, ascending; empty: anyone.
    function listed() external view returns (address[] memory);

    /// @notice Who signs, or would if its stake were whole. In no order.
    function members() external view returns (address[] memory);

    /// @notice A member, or all zero.
    function memberOf(address account) external view returns (Member memory);

    /// @notice Whether its signature counts: it has the whole stake and has not left.
    function isSigning(address account) external view returns (bool);

    /// @notice How many offers were taken: the next one's nonce.
    function offers() external view returns (uint256);

    /// @notice The request's round: commitments until `revealsFrom`, reveals after it and until `revealsTo` (seconds, each included);
    /// zero: there is none.
    function roundOf(bytes32 id) external view returns (uint40 revealsFrom, uint40 revealsTo);

    /// @notice What a member committed to on chain and has not revealed; zero: nothing.
    function commitmentOf(bytes32 id, address member) external view returns (bytes32);

    /// @notice Who revealed that result with a whole stake, in order.
    function revealedBy(bytes32 id, bytes32 resultHash) external view returns (address[] memory);

    /// @notice What a group of signers has earned together and not split, smallest units.
    function earnedBy(address token, address[] calldata signers) external view returns (uint256);

    /// @notice What `withdraw` would pay an account, smallest units.
    function credits(address token, address account) external view returns (uint256);

    /// @notice Stakes (in ether) and credits, smallest units: what is not free to be split.
    function owed(address token) external view returns (uint256);

    /// @notice The EIP-712 digest of `Result`.
    function hashResult(bytes32 id, bytes32 resultHash) external view returns (bytes32);

    /// @notice The EIP-712 digest of `Results`.
    function hashResults(bytes32 root) external view returns (bytes32);

    /// @notice The EIP-712 digest of `Commitment`.
    function hashCommitment(bytes32 id, bytes32 commitment) external view returns (bytes32);

    /// @notice The EIP-712 digest of `Offer`.
    function hashOffer(Offer calldata offer_) external view returns (bytes32);

    /// @notice The longest endpoint.
    function MAX_ENDPOINT_BYTES() external view returns (uint256);
}
