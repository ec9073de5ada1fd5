"""Runs bundles on ONNX Runtime."""
