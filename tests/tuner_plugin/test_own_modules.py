"""Our own tuners apart from training: how they start, what they compute, where they cannot be used."""

import copy
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, Qwen3MoeConfig, Qwen3MoeForCausalLM
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from swift_lib.arguments.tuner import TunerArguments
from swift_lib.core.errors import ArgumentError, ModelError
from swift_lib.model import MODEL_MAPPING
from swift_lib.model.loader import get_model_processor
from swift_lib.tuner_plugin.calling import get_tuner, load_adapter
from swift_lib.tuner_plugin.longlora import shifted_sparse_attention
from swift_lib.tuner_plugin.reft import FORMS, Intervention

IDS = torch.arange(3, 43)[None]


def options(**more: Any) -> SimpleNamespace:
    return SimpleNamespace(**{**asdict(TunerArguments()), "adapters": [], "gradient_checkpointing": False, **more})


@pytest.fixture()
def model(tiny_model: Path) -> Any:
    return get_model_processor(str(tiny_model))[0]


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(input_ids=IDS).logits


@pytest.mark.parametrize(
    "given",
    [{"tuner_type": "adapter"}, {"tuner_type": "reft"}, {"tuner_type": "llamapro", "llamapro_num_new_blocks": 4,
                                                       "llamapro_num_groups": 2}],
    ids=["adapter", "reft", "llamapro"],
)  # fmt: skip
def test_the_tuned_model_starts_as_the_base(given: dict[str, Any], model: Any) -> None:
    expected = logits(model)
    tuned = get_tuner(given["tuner_type"]).prepare_model(options(**given), model)
    torch.testing.assert_close(logits(tuned), expected, atol=1e-5, rtol=0)
    assert any(value.requires_grad for value in tuned.parameters())


@pytest.mark.parametrize("name", FORMS)
def test_interventions_are_the_papers(name: str) -> None:
    """LoReFT h + R^T (W h + b - R h) and what is left out or put in its place (equations 2 and 3)."""
    torch.manual_seed(0)
    form = FORMS[name]
    module = Intervention(6, 2, form, dropout=0.0, activation=None)
    with torch.no_grad():
        for value in module.parameters():
            value.copy_(torch.randn_like(value))
    hidden = torch.randn(3, 6)
    rotation = module.rotation()
    source = module.source(hidden) if form.source == "linear" else module.constant
    edit = source - hidden @ rotation.T if form.subtracts else source
    torch.testing.assert_close(module(hidden), hidden + edit @ rotation)
    is_orthonormal = torch.allclose(rotation @ rotation.T, torch.eye(2), atol=1e-6)
    assert is_orthonormal == ("eft" in name and not name.startswith("No"))


def test_an_edit_keeps_the_precision_of_what_it_is_given() -> None:
    module = Intervention(6, 2, FORMS["LoreftIntervention"], dropout=0.0, activation="relu")
    assert module(torch.randn(3, 6, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_new_layers_have_places_in_the_cache(model: Any) -> None:
    """Generating with the cache gives the tokens that whole sequences give."""
    tuned = get_tuner("llamapro").prepare_model(options(llamapro_num_new_blocks=2), model)
    with torch.no_grad():
        for name in tuned.added_by_tuner[0]:
            for value in tuned.get_submodule(name).parameters():
                value.add_(0.02 * torch.randn_like(value))
    reply = tuned.generate(IDS, max_new_tokens=4, do_sample=False, eos_token_id=None, pad_token_id=0)
    for place in range(IDS.shape[1], reply.shape[1]):
        with torch.no_grad():
            assert tuned(reply[:, :place]).logits[0, -1].argmax() == reply[0, place]


def test_layers_of_experts_can_be_copied() -> None:
    torch.manual_seed(0)
    model: Any = Qwen3MoeForCausalLM(Qwen3MoeConfig(
        vocab_size=50, hidden_size=32, intermediate_size=32, moe_intermediate_size=16, num_hidden_layers=2, head_dim=16,
        num_attention_heads=2, num_key_value_heads=2, num_experts=4, num_experts_per_tok=2,
    ))  # fmt: skip
    model.model_meta = MODEL_MAPPING["qwen3_moe"]
    expected = logits(model)
    tuned = get_tuner("llamapro").prepare_model(options(llamapro_num_new_blocks=1), model)
    assert tuned.config.num_hidden_layers == 3
    torch.testing.assert_close(logits(tuned), expected)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"llamapro_num_new_blocks": 4}, "4 groups cannot share 2 layers equally; with 4 new blocks it can be 1, 2"),
        ({"reft_layers": [0, 2], "tuner_type": "reft"}, "the model has layers 0 to 1, not 2"),
        ({"reft_args": "{", "tuner_type": "reft"}, "--reft_args: not JSON"),
        ({"reft_args": '{"rank": 3}', "tuner_type": "reft"}, "a JSON object of dropout and act_fn"),
        ({"adapter_act": "gelo", "tuner_type": "adapter"}, "--adapter_act: must be one of .*gelu.*got 'gelo'"),
    ],
)
def test_what_does_not_fit_the_model_is_told(given: dict[str, Any], message: str, model: Any) -> None:
    with pytest.raises(ArgumentError, match=message):
        get_tuner(given.get("tuner_type", "llamapro")).prepare_model(options(**given), model)


@pytest.mark.parametrize("tuner", ["llamapro", "adapter", "reft", "longlora"])
def test_they_are_for_text_models(tuner: str, vision_model: Any) -> None:
    model, _ = get_model_processor(str(vision_model("qwen2_5_vl")))
    with pytest.raises(ModelError, match=f"{tuner} is for text models"):
        get_tuner(tuner).prepare_model(options(), model)


def test_a_model_type_without_an_architecture_is_told_the_field(tiny_model: Path) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(tiny_model)
    with pytest.raises(ModelError, match="does not say where its module_list, o_proj, mlp are") as caught:
        get_tuner("adapter").prepare_model(options(), model)
    assert "set model_arch" in caught.value.fix


def test_two_cannot_stand_on_each_other(model: Any, tmp_path: Path) -> None:
    tuned = get_tuner("reft").prepare_model(options(), model)
    get_tuner("reft").save_pretrained(tuned, str(tmp_path))
    with pytest.raises(ModelError, match="A second adapter cannot stand on one of type reft"):
        load_adapter(tuned, tmp_path)


def test_an_adapter_of_another_shape_is_refused(model: Any, tmp_path: Path) -> None:
    untouched = copy.deepcopy(model)
    untouched.config.hidden_size = 32
    get_tuner("reft").save_pretrained(get_tuner("reft").prepare_model(options(), model), str(tmp_path))
    with pytest.raises(ModelError, match="The reft adapter does not fit this base model"):
        load_adapter(untouched, tmp_path)


@pytest.mark.parametrize("tuner", ["adapter", "llamapro"])
def test_the_head_of_another_task_is_trained_and_kept(tuner: str, tiny_model: Path, tmp_path: Path) -> None:
    """A classifier's head is new, so an adapter that left it out would be of no use."""
    model, _ = get_model_processor(str(tiny_model), task_type="seq_cls", num_labels=3)
    tuned = get_tuner(tuner).prepare_model(options(llamapro_num_new_blocks=1), model)
    assert tuned.score.weight.requires_grad and not tuned.model.embed_tokens.weight.requires_grad
    with torch.no_grad():
        tuned.score.weight.fill_(0.5)
    get_tuner(tuner).save_pretrained(tuned, str(tmp_path))
    again, _ = get_model_processor(str(tiny_model), task_type="seq_cls", num_labels=3)
    assert torch.equal(get_tuner(tuner).from_pretrained(again, str(tmp_path)).score.weight, tuned.score.weight)


# -- shifted sparse attention ------------------------------------------------------------------------------------------


def attend(length: int, *, training: bool, padded: int = 0, heads: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """What each position (second axis) of each head (third) takes from each value (fourth): attention to one-hots.

    The second result is the mask, true where a position may attend at all.
    """
    torch.manual_seed(0)
    module = SimpleNamespace(training=training, num_key_value_groups=2, is_causal=True)
    query, key = torch.randn(1, heads, length, length), torch.randn(1, heads // 2, length, length)
    value = torch.eye(length).expand(1, heads // 2, length, length)
    mask = torch.ones(length, length, dtype=torch.bool).tril()[None, None].clone()
    mask[..., :padded] = False
    output, _ = shifted_sparse_attention(module, query, key, value, mask)  # type: ignore[arg-type]
    return output, mask


@pytest.mark.parametrize("length", [16, 21, 3])
def test_each_token_sees_its_own_group_and_nothing_of_the_future(length: int) -> None:
    output, mask = attend(length, training=True)
    size = -(-length // 4) + (-(-length // 4)) % 2
    place = torch.arange(length)
    for head in range(4):
        shift = 0 if head < 2 else size // 2
        # Groups begin at `shift`; what stands before them belongs to no other group.
        group = torch.where(place < shift, -1, (place - shift) // size)
        allowed = (group[:, None] == group) & mask[0, 0]
        assert torch.equal(output[0, :, head] > 0, allowed)
    torch.testing.assert_close(output.sum(-1), torch.ones(1, length, 4))


def test_outside_training_everything_is_seen() -> None:
    output, mask = attend(16, training=False)
    assert torch.equal(output[0, :, 0] > 0, mask[0, 0])


def test_padding_and_other_rows_stay_unseen() -> None:
    output, _ = attend(16, training=True, padded=2)
    assert not output[0, 2:, :, :2].any() and bool(torch.isfinite(output).all())


def test_short_sequences_lose_nothing_when_groups_hold_them() -> None:
    """Of a length of two, each group holds both: the result is that of full attention."""
    torch.manual_seed(0)
    module = SimpleNamespace(training=True, num_key_value_groups=1, is_causal=True)
    query, key, value = (torch.randn(1, 2, 2, 4) for _ in range(3))
    mask = torch.ones(1, 1, 2, 2, dtype=torch.bool).tril()
    sparse, _ = shifted_sparse_attention(module, query, key, value, mask)  # type: ignore[arg-type]
    full, _ = sdpa_attention_forward(module, query, key, value, mask)  # type: ignore[arg-type]
    torch.testing.assert_close(sparse[:, :, 0], full[:, :, 0])
