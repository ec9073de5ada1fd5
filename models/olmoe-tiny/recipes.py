"""Which decoders exporting.py knows how to export, by their configuration. Needs no torch."""

from typing import Any, Final

NEEDED: Final = ("num_hidden_layers", "hidden_size", "num_attention_heads", "num_key_value_heads")
LATENT: Final = ("kv_lora_rank", "qk_rope_head_dim")
"""Of attention that keeps one small vector for keys and values together (DeepSeek)."""


def refusal(config: Any) -> str | None:
    """Why a configuration of transformers is not exported; None for one that is."""
    kind = getattr(config, "model_type", None) or type(config).__name__
    if latent := [name for name in LATENT if getattr(config, name, None)]:
        return (
            f"{kind} keeps keys and values of different widths ({', '.join(latent)} in its config.json): this recipe "
            "exports caches of one width, [1, num_key_value_heads, tokens, head_dim]. Use an exporter of its makers."
        )
    if missing := [name for name in NEEDED if not isinstance(getattr(config, name, None), int)]:
        return (
            f"{kind} does not say {', '.join(missing)} in its config.json: this recipe is for decoders that "
            "transformers lays out as OLMoE, Qwen3-MoE, GraniteMoE, MiniMax-M2, Mixtral, gpt-oss. Use another exporter."
        )
    return None
