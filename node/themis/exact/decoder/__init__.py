"""Language models in the exact profile: decoders with a cache, as integer graphs and as their specification.

As in `themis.exact`, a model is one function over blocks: `network.decoder(blocks, numbers)`. Run with `Spec` it
computes in plain NumPy integers; run with `Emitter` it writes the graph. The specification knows whole numbers; that
the graph multiplies them digit by digit, since products are of bytes, is its own business.

Numbers are integers of three kinds. The stream: int32, clipped to +-`stream_limit`, in units of the author's choice.
Activations: within +-DIGITS[n], that is n balanced digits of base 256. Bytes: a u8 stands for q - 128, in weights and
in the cache of keys and values.
"""
