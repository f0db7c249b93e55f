from collections.abc import Callable
from typing import Any

import peft
import pytest
import torch
import transformers

from swift_lib.loss.causal_lm import weighted_cross_entropy
from swift_lib.trainers.fused import FusedLoss

SHAPE = {
    "vocab_size": 97, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 2, "head_dim": 16, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
MODELS: dict[str, tuple[type, dict[str, Any]]] = {
    "tied": (transformers.Qwen2Config, {"tie_word_embeddings": True}),
    "untied": (transformers.LlamaConfig, {}),
    "softcap": (transformers.Gemma2Config, {"final_logit_softcapping": 2.0, "query_pre_attn_scalar": 16}),
    "multiplied": (transformers.CohereConfig, {"logit_scale": 0.0625}),
    "divided": (transformers.GraniteConfig, {"logits_scaling": 7.0}),
    "bias": (transformers.PhiConfig, {}),
    "experts": (transformers.MixtralConfig, {"num_local_experts": 2}),
}


def make(name: str) -> Any:
    config, more = MODELS[name]
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config(**SHAPE, **more))
    model.config.use_cache = False
    with torch.no_grad():
        for parameter in model.get_output_embeddings().parameters():
            parameter.normal_(std=0.3)  # apart from what a factor or a cap would leave as it is
    return model


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    labels = torch.randint(3, 97, (2, 12))
    mask = torch.ones_like(labels)
    mask[1, 9:] = 0
    return {
        "input_ids": labels.clone(), "attention_mask": mask, "labels": labels.masked_fill(torch.rand(2, 12) < 0.4, -100)
    }  # fmt: skip


def gradients(model: Any) -> dict[str, torch.Tensor]:
    found = {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}
    model.zero_grad()
    return found


def assert_same(model: Any, batch: dict[str, torch.Tensor], *, fused: bool = True, autocast: bool = False) -> None:
    """The fused loss and its gradients are those of the model's logits; whether it was fused is as expected."""
    inputs, labels = {name: value for name, value in batch.items() if name != "labels"}, batch["labels"]
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        wanted = weighted_cross_entropy(model(**inputs).logits, labels, num_items_in_batch=9.0)
        wanted.backward()
        exact = gradients(model)
        found = FusedLoss()(model, inputs, labels, num_items_in_batch=9.0, want_accuracy=True)
        found.loss.backward()
    assert (found.outputs.logits.shape[1] == 0) == fused
    assert exact
    torch.testing.assert_close(found.loss, wanted, rtol=2e-3 if autocast else 1e-6, atol=0)
    for name, gradient in gradients(model).items():
        difference = (gradient - exact[name]).norm()
        assert difference <= (0.03 if autocast else 1e-5) * exact[name].norm() + 1e-7, name


@pytest.mark.parametrize("name", MODELS)
def test_whatever_a_model_does_to_its_logits_the_loss_is_the_same(name: str, batch: dict[str, torch.Tensor]) -> None:
    assert_same(make(name).train(), batch)


def test_autocast(batch: dict[str, torch.Tensor]) -> None:
    assert_same(make("tied").train(), batch, autocast=True)


def test_rows_side_by_side(batch: dict[str, torch.Tensor]) -> None:
    positions = torch.arange(12).repeat(2)[None]
    packed = {name: batch[name].reshape(1, -1) for name in ("input_ids", "labels")}
    assert_same(make("tied").train(), {**packed, "position_ids": positions})


@pytest.mark.parametrize("reentrant", [False, True])
def test_gradient_checkpointing(batch: dict[str, torch.Tensor], reentrant: bool) -> None:
    model = make("tied").train()
    model.enable_input_require_grads()
    model.gradient_checkpointing_enable({"use_reentrant": reentrant})
    assert_same(model, batch)


def adapted(name: str, **options: Any) -> Any:
    model = peft.get_peft_model(make(name), peft.LoraConfig(task_type="CAUSAL_LM", **options))
    for key, value in model.named_parameters():
        if "lora_B" in key:
            torch.nn.init.normal_(value)
    return model.train()


def test_an_adapter(batch: dict[str, torch.Tensor]) -> None:
    assert_same(adapted("tied", target_modules="all-linear"), batch)


def test_an_adapter_with_a_copy_of_the_head_that_is_trained(batch: dict[str, torch.Tensor]) -> None:
    assert_same(adapted("untied", target_modules=["q_proj"], modules_to_save=["lm_head"]), batch)


def test_an_adapter_on_the_head_keeps_its_logits(batch: dict[str, torch.Tensor]) -> None:
    assert_same(adapted("untied", target_modules=["q_proj", "lm_head"]), batch, fused=False)


class Shifted(torch.nn.Module):
    """A model that adds to some logits, as one that masks unused entries of its vocabulary does."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = make("tied")
        self.config = self.inner.config
        self.get_output_embeddings = self.inner.get_output_embeddings

    def forward(self, **inputs: Any) -> Any:
        outputs = self.inner(**inputs)
        outputs.logits = outputs.logits + torch.arange(97) * 0.01
        return outputs


def test_what_is_not_understood_keeps_its_logits(batch: dict[str, torch.Tensor]) -> None:
    assert_same(Shifted().train(), batch, fused=False)


def test_a_factor_that_the_config_does_not_tell_is_found_in_the_first_pass(batch: dict[str, torch.Tensor]) -> None:
    model = make("multiplied")
    model.config.logit_scale = 1.0  # the model keeps its own copy
    assert_same(model.train(), batch)


@pytest.mark.parametrize("make_model", [Shifted, lambda: make("tied")])
def test_finding_out_draws_no_more_random_numbers_than_any_pass(
    batch: dict[str, torch.Tensor], make_model: Callable[[], Any]
) -> None:
    model = make_model().train()
    for module in model.modules():
        if hasattr(module, "attention_dropout"):
            module.attention_dropout = 0.5
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    fused = FusedLoss()
    torch.manual_seed(5)
    first, drawn = fused(model, inputs, batch["labels"]).loss, torch.rand(())
    torch.manual_seed(5)
    assert torch.equal(first, fused(model, inputs, batch["labels"]).loss)
    assert torch.equal(drawn, torch.rand(()))


def test_the_model_is_called_once_from_the_first_batch_on(batch: dict[str, torch.Tensor]) -> None:
    model, fused, calls = make("softcap"), FusedLoss(), list[int]()
    model.register_forward_pre_hook(lambda *_: calls.append(1))
    for _ in range(2):
        fused(model, {"input_ids": batch["input_ids"]}, batch["labels"])
    assert len(calls) == 2


def test_the_head_answers_for_itself_again_after_an_error(batch: dict[str, torch.Tensor]) -> None:
    model, fused = make("tied"), FusedLoss()
    fused(model, {"input_ids": batch["input_ids"]}, batch["labels"])
    with pytest.raises(IndexError):
        fused(model, {"input_ids": batch["input_ids"] + 97}, batch["labels"])
    assert model(input_ids=batch["input_ids"]).logits.shape == (2, 12, 97)


def test_hooks_on_the_head_fire_around_the_loss(batch: dict[str, torch.Tensor]) -> None:
    # As ZeRO-3's do, which gather the head's weight before it is called and let go of it after.
    model, fused = make("untied"), FusedLoss()
    head, kept = model.lm_head, model.lm_head.weight.data
    wanted = fused(model, {"input_ids": batch["input_ids"]}, batch["labels"]).loss
    head.weight.data = torch.empty(0)

    def gather(*_: Any) -> None:
        head.weight.data = kept

    def release(*_: Any) -> None:
        head.weight.data = torch.empty(0)

    head.register_forward_pre_hook(gather)
    head.register_forward_hook(release)
    head.weight.requires_grad_(False)
    found = fused(model, {"input_ids": batch["input_ids"]}, batch["labels"]).loss
    found.backward()
    assert torch.equal(found, wanted) and head.weight.numel() == 0
    assert model.model.embed_tokens.weight.grad.abs().sum() > 0
