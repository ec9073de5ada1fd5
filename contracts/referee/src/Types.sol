// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What a referee believes in: of the model its roots, of the accused its trace's.
struct Roots {
    bytes32 program;
    bytes32 weights;
    bytes32 trace;
}

/// @notice A leaf of a tree, and what leads from it to the root; of one that follows another of the same tree in a `Proof`, up to where
/// both paths meet.
struct Opening {
    bytes leaf;
    uint256 index;
    uint256 count;
    bytes32[] siblings;
}

/// @notice A leaf of one of the tensors whose headers are opened, counted through the trace's and then the weights'.
struct Piece {
    uint256 tensor;
    Opening opening;
}

/// @notice What is wrong with a tensor: its type or shape, one of its elements, or (indices of a TopK) its order.
enum Accusation {
    KIND,
    ELEMENT,
    ORDER,
    RIVAL
}

/// @notice An accusation, and all that has to be opened to rule on it.
/// @dev `node` gives the tensor; `root` is the Sqrt whose Floor it is, or empty. Headers are opened in the trace (SHA-256), weights in
/// the model (keccak256).
struct Proof {
    Accusation accusation;
    uint256 word;
    uint256[] index;
    uint256 rival;
    Opening node;
    Opening root;
    Opening[] headers;
    Opening[] weights;
    Piece[] pieces;
}

/// @notice What a leaf of the program says.
struct Node {
    string op;
    bytes32[] operands;
    bytes[] constants;
    string[] attributes;
    uint256 outputs;
}

/// @notice A tensor whose header is opened.
struct Tensor {
    uint256 word;
    uint256 dtype;
    uint256[] shape;
    bytes32 root;
}

/// @notice A leaf of a tensor that is opened.
struct Leaf {
    uint256 tensor;
    uint256 index;
    bytes data;
}

enum Kind {
    ABSENT,
    TRACED,
    ROWS,
    COLUMNS,
    INLINE
}

/// @notice A tensor that a referee may look into.
/// @dev `data` is that of a constant in the node's own leaf; `tensor` counts the opened headers.
struct Operand {
    Kind kind;
    uint256 tensor;
    uint256 dtype;
    uint256[] shape;
    bytes data;
}

/// @notice A node, and what is opened of it.
struct Case {
    Node node;
    bytes32 op;
    uint256 number;
    uint256 output;
    Tensor[] tensors;
    uint256 traced;
    Leaf[] leaves;
    Operand[] operands;
}

/// @notice The proof does not lead to the roots, or lacks or misplaces something.
error BadProof();

/// @notice What is claimed gives the operator no meaning: the fault is in an operand, and is to be shown there.
error Undefined();

/// @notice This contract does not referee the operator.
error OtherOperator(string op);

uint256 constant WITNESS = 1 << 16;
uint256 constant UINT8 = 2;
uint256 constant INT8 = 3;
uint256 constant INT32 = 6;
uint256 constant INT64 = 7;
uint256 constant BOOL = 9;
uint256 constant FLOAT32 = 1;
uint256 constant FLOAT64 = 11;
uint256 constant UINT32 = 12;

/// @notice Rules on accusations of some operators.
interface IReferee {
    /// @notice Whether the accused is convicted, by its own trace.
    /// @dev Reverts with BadProof, Undefined or OtherOperator where nothing is decided.
    function rule(Roots calldata roots, Proof calldata proof) external pure returns (bool convicted);
}
