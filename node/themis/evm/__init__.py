"""EVM bytecode to tokens: pure integer preprocessing, part of a model version."""
