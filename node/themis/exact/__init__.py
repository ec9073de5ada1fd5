"""The exact profile: networks as integer-only ONNX graphs that give the same bits on every machine.

A network is one function over `Blocks` (blocks.py). Run with `Spec` (spec.py) it computes in plain NumPy integers,
slowly and obviously; run with `Emitter` (emit.py) it writes the ONNX graph. Tests hold the two equal, bit for bit.

    def network(b: Blocks[V], weights: Weights) -> None:
        tokens = b.input("tokens", np.int64, ("T",), 0, 255)
        x = b.embed(tokens, weights.embedding, shift=3)              # int32 stream [T, d]
        y = b.moe(b.rms_norm(x, weights.gain), weights.experts)      # int32 [T, d]
        b.output("features", b.rms_norm(b.residual(x, y, shift=14), weights.last_gain))

    emitter = Emitter("demo", extents={"T": 4_096}); network(emitter, weights); model = emitter.build()
    spec = Spec({"tokens": tokens}); network(spec, weights); spec.outputs["features"]

Numbers are of two kinds. u8: a uint8 `q` stands for the integer q - 128, which the network reads as (q - 128) * 2^-s
for an s the author keeps in mind (5 after rms_norm). int32: the residual stream, clipped to +-2^20, and accumulators.
All weights of matrix products are given as u8 with zero point 128. All requantization divides by powers of two.
"""
