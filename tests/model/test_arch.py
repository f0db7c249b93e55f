"""The modules that architectures name are those of transformers' classes."""

import pytest
import torch
import transformers

from swift_lib.model import MODEL_ARCH_MAPPING, MODEL_MAPPING

SMALL = {
    "num_hidden_layers": 2, "hidden_size": 32, "intermediate_size": 32, "moe_intermediate_size": 16,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 40, "pad_token_id": 0, "head_dim": 8,
    "n_routed_experts": 4, "num_experts": 4, "num_local_experts": 4, "n_group": 1, "topk_group": 1,
    "q_lora_rank": 8, "kv_lora_rank": 8, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8, "v_head_dim": 8,
}  # fmt: skip
# Types of which transformers has the class, one for each architecture and kind of layer.
TYPES = [
    "qwen2", "qwen2_moe", "qwen3_moe", "glm4", "glm4_moe", "glm4_moe_lite", "ernie4_5_moe", "deepseek_v2",
    "deepseek_v4", "gemma2", "phi2", "phi3", "minimax_m2", "gpt_oss", "olmoe", "seed_oss", "seggpt", "mamba",
    "modern_bert", "modern_bert_gte_reranker", "bge_reranker", "hunyuan_v1_dense",
]  # fmt: skip


@pytest.mark.parametrize("model_type", TYPES)
def test_paths_exist(model_type: str) -> None:
    meta = MODEL_MAPPING[model_type]
    cls = getattr(transformers, meta.architectures[0], None)
    if cls is None:
        pytest.skip("a class of its own code")
    known = cls.config_class().to_dict()
    config = cls.config_class(**{name: value for name, value in SMALL.items() if name in known})
    with torch.device("meta"):
        model = cls(config)
    names = {name for name, _ in model.named_modules()}
    keys = MODEL_ARCH_MAPPING[meta.model_arch]  # type: ignore[index]
    assert keys.embedding in names and keys.module_list in names
    for path in (keys.attention, keys.mlp):
        assert path and any(path.format(layer) in names for layer in range(2)), path
    assert not keys.o_proj or any(keys.o_proj.format(layer) in names for layer in range(2))
