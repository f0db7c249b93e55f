"""Where the modules of an architecture are. Pure data; tuners and optimizers read it too."""

from swift_lib.core.errors import ModelError
from swift_lib.core.registry import Registry
from swift_lib.core.types import ModelKeys, MultiModelKeys
from swift_lib.model.arch_multimodal import MULTIMODAL_ARCHITECTURES


def _decoder(
    arch_name: str,
    layers: str = "model.layers",
    attention: str = "self_attn",
    mlp: str = "mlp",
    *,
    embedding: str = "model.embed_tokens",
    lm_head: str = "lm_head",
    down_proj: str | None = "mlp.down_proj",
    **projections: str,
) -> ModelKeys:
    """A decoder of equal layers; `projections` are paths inside the attention, the others inside a layer."""
    layer = f"{layers}.{{}}"
    return ModelKeys(
        arch_name,
        embedding=embedding,
        module_list=layers,
        lm_head=lm_head,
        attention=f"{layer}.{attention}",
        mlp=f"{layer}.{mlp}",
        down_proj=down_proj and f"{layer}.{down_proj}",
        **{name: f"{layer}.{attention}.{path}" for name, path in projections.items()},
    )


def _encoder(arch_name: str, root: str) -> ModelKeys:
    """BERT and what was made of it. A base model without a head has the same names without `root`."""
    layer = f"{root}.encoder.layer.{{}}"
    return ModelKeys(
        arch_name,
        embedding=f"{root}.embeddings.word_embeddings",
        module_list=f"{root}.encoder.layer",
        lm_head="cls.predictions.decoder" if arch_name == "bert" else "lm_head.decoder",
        attention=f"{layer}.attention",
        mlp=f"{layer}.intermediate",
        down_proj=f"{layer}.output.dense",
        q_proj=f"{layer}.attention.self.query",
        k_proj=f"{layer}.attention.self.key",
        v_proj=f"{layer}.attention.self.value",
        o_proj=f"{layer}.attention.output.dense",
    )


_QKV = {"q_proj": "q_proj", "k_proj": "k_proj", "v_proj": "v_proj"}
_TRANSFORMER = {"layers": "transformer.h", "embedding": "transformer.wte"}
_MLA = {
    "qa_proj": "q_a_proj",
    "qb_proj": "q_b_proj",
    "kva_proj": "kv_a_proj_with_mqa",
    "kvb_proj": "kv_b_proj",
    "o_proj": "o_proj",
}
_DECODERS = [
    _decoder("llama", o_proj="o_proj", **_QKV),
    _decoder(
        "internlm2",
        attention="attention",
        mlp="feed_forward",
        embedding="model.tok_embeddings",
        lm_head="output",
        down_proj="feed_forward.w2",
        qkv_proj="wqkv",
        o_proj="wo",
    ),
    _decoder(
        "chatglm",
        "transformer.encoder.layers",
        "self_attention",
        embedding="transformer.embedding",
        lm_head="transformer.output_layer",
        down_proj="mlp.dense_4h_to_h",
        qkv_proj="query_key_value",
        o_proj="dense",
    ),
    _decoder(
        "telechat",
        "transformer.h",
        "self_attention",
        embedding="transformer.word_embeddings",
        q_proj="query",
        kv_proj="key_value",
        o_proj="dense",
    ),
    _decoder("baichuan", qkv_proj="W_pack"),
    _decoder("yuan", qk_proj="qk_proj", o_proj="o_proj", **_QKV),
    _decoder(
        "codefuse",
        "gpt_neox.layers",
        "attention",
        embedding="gpt_neox.embed_in",
        lm_head="gpt_neox.embed_out",
        down_proj="mlp.dense_4h_to_h",
        qkv_proj="query_key_value",
        o_proj="dense",
    ),
    _decoder("phi2", down_proj="mlp.fc2", o_proj="dense", **_QKV),
    _decoder("qwen", attention="attn", down_proj="mlp.c_proj", qkv_proj="c_attn", o_proj="c_proj", **_TRANSFORMER),
    _decoder(
        "dbrx",
        "transformer.blocks",
        "norm_attn_norm.attn",
        "ffn",
        embedding="transformer.wte",
        down_proj=None,
        qkv_proj="Wqkv",
        o_proj="out_proj",
    ),
    _decoder("phi3", qkv_proj="qkv_proj", o_proj="o_proj"),
    _decoder("phi3_small", qkv_proj="query_key_value", o_proj="dense"),
    _decoder("deepseek_v2", **_MLA),
    _decoder("deepseek_v4", qa_proj="q_a_proj", qb_proj="q_b_proj", kv_proj="kv_proj", o_proj="o_b_proj"),
    # Two attentions and two dense blocks a layer (in lists, so not named here), and experts beside them.
    _decoder("longcat", down_proj=None),
    _decoder(
        "bailing", attention="attention", embedding="model.word_embeddings", qkv_proj="query_key_value", o_proj="dense"
    ),
    _decoder(
        "bloom",
        "transformer.h",
        "self_attention",
        embedding="transformer.word_embeddings",
        down_proj="mlp.dense_4h_to_h",
        qkv_proj="query_key_value",
        o_proj="dense",
    ),
    # Layers of one mixer, which is attention, feed-forward block or state space.
    _decoder("nemotron_h", attention="mixer", mlp="mixer", down_proj=None),
    _decoder("mamba", "backbone.layers", "mixer", "mixer", embedding="backbone.embeddings", down_proj=None),
    _encoder("bert", "bert"),
    _encoder("roberta", "roberta"),
    _decoder(
        "modern_bert",
        attention="attn",
        embedding="model.embeddings.tok_embeddings",
        lm_head="decoder",
        down_proj="mlp.Wo",
        qkv_proj="Wqkv",
        o_proj="Wo",
    ),
]


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
    table={**{keys.arch_name or "": keys for keys in _DECODERS}, **MULTIMODAL_ARCHITECTURES},
)


def register_model_arch(model_arch: ModelKeys, exist_ok: bool = False) -> None:
    """Make an architecture known under its arch_name."""
    MODEL_ARCH_MAPPING.register(model_arch.arch_name or "", model_arch, exist_ok=exist_ok)


def get_model_arch(name: str | ModelKeys | None) -> ModelKeys | None:
    """The architecture of that name; None for None."""
    return None if name is None else MODEL_ARCH_MAPPING[name]


_PARTS = ("language_model", "vision_tower", "aligner", "generator")


def part_of(name: str, keys: MultiModelKeys) -> str | None:
    """The part that a module or parameter belongs to: the one with the longest prefix of its name; None: to none."""
    prefix = prefix_of(name, keys)
    return next((part for part in _PARTS if prefix in getattr(keys, part)), None)


def prefix_of(name: str, keys: MultiModelKeys) -> str | None:
    """The longest of the parts' prefixes that a name begins with."""
    prefixes = [prefix for part in _PARTS for prefix in getattr(keys, part)]
    found = [prefix for prefix in prefixes if name == prefix or name.startswith(f"{prefix}.")]
    return max(found, key=len) if found else None
