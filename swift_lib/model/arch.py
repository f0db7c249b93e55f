"""Where the modules of an architecture are. Pure data; tuners and optimizers read it too."""

from swift_lib.core.errors import ModelError
from swift_lib.core.registry import Registry
from swift_lib.core.types import ModelKeys

_LAYER = "model.layers.{}"
_ATTENTION = f"{_LAYER}.self_attn"
_COMMON = {
    "embedding": "model.embed_tokens",
    "module_list": "model.layers",
    "lm_head": "lm_head",
    "o_proj": f"{_ATTENTION}.o_proj",
    "attention": _ATTENTION,
    "mlp": f"{_LAYER}.mlp",
    "down_proj": f"{_LAYER}.mlp.down_proj",
}


class ArchRegistry(Registry[ModelKeys]):
    """Architectures by name; an architecture itself is accepted as its own key."""

    def __getitem__(self, name: "str | ModelKeys | None") -> ModelKeys:
        if isinstance(name, ModelKeys):
            return name
        if name is None:
            raise ModelError(
                "the model's type says nothing about its modules",
                fix="set model_arch in its ModelMeta, or give --model_type",
            )
        return super().__getitem__(name)


MODEL_ARCH_MAPPING = ArchRegistry(
    "model architecture",
    contract=ModelKeys,
    table={
        "llama": ModelKeys(
            "llama",
            q_proj=f"{_ATTENTION}.q_proj",
            k_proj=f"{_ATTENTION}.k_proj",
            v_proj=f"{_ATTENTION}.v_proj",
            **_COMMON,
        ),
        "phi3": ModelKeys("phi3", qkv_proj=f"{_ATTENTION}.qkv_proj", **_COMMON),
        "deepseek_v2": ModelKeys(
            "deepseek_v2",
            qa_proj=f"{_ATTENTION}.q_a_proj",
            qb_proj=f"{_ATTENTION}.q_b_proj",
            kva_proj=f"{_ATTENTION}.kv_a_proj_with_mqa",
            kvb_proj=f"{_ATTENTION}.kv_b_proj",
            **_COMMON,
        ),
        "internlm2": ModelKeys(
            "internlm2",
            embedding="model.tok_embeddings",
            module_list="model.layers",
            lm_head="output",
            o_proj=f"{_LAYER}.attention.wo",
            attention=f"{_LAYER}.attention",
            mlp=f"{_LAYER}.feed_forward",
            down_proj=f"{_LAYER}.feed_forward.w2",
            qkv_proj=f"{_LAYER}.attention.wqkv",
        ),
        "chatglm": ModelKeys(
            "chatglm",
            embedding="transformer.embedding",
            module_list="transformer.encoder.layers",
            lm_head="transformer.output_layer",
            o_proj="transformer.encoder.layers.{}.self_attention.dense",
            attention="transformer.encoder.layers.{}.self_attention",
            mlp="transformer.encoder.layers.{}.mlp",
            down_proj="transformer.encoder.layers.{}.mlp.dense_4h_to_h",
            qkv_proj="transformer.encoder.layers.{}.self_attention.query_key_value",
        ),
    },
)


def register_model_arch(model_arch: ModelKeys, exist_ok: bool = False) -> None:
    """Make an architecture known under its arch_name."""
    MODEL_ARCH_MAPPING.register(model_arch.arch_name or "", model_arch, exist_ok=exist_ok)


def get_model_arch(name: str | ModelKeys | None) -> ModelKeys | None:
    """The architecture of that name; None for None."""
    return None if name is None else MODEL_ARCH_MAPPING[name]
