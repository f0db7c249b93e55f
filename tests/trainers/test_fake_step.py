"""Bytes that fake tensors foretell, against what torch allocates when the same step is really made."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch._C._profiler import _EventType
from torch.profiler import ProfilerActivity, profile
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, Qwen2Config

from swift_lib.model.empty import largest_layer, quantised_bytes
from swift_lib.trainers.fake_step import BatchShape, StepCost, trace_step
from swift_lib.trainers.fused import FusedLoss
from swift_lib.trainers.step_formula import formula_cost

torch.set_num_threads(1)
SHAPE = {
    "vocab_size": 2000, "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "use_cache": False,
}  # fmt: skip


def build(tuner: str, *, checkpointing: bool, dtype: torch.dtype, attention: str, tied: bool = True) -> Any:
    config = Qwen2Config(**SHAPE, tie_word_embeddings=tied)
    model = AutoModelForCausalLM.from_config(config, attn_implementation=attention, dtype=dtype)
    if tuner == "lora":
        model = get_peft_model(model, LoraConfig(r=8, target_modules="all-linear", lora_dropout=0.05))
    model.train()
    if checkpointing:
        model.gradient_checkpointing_enable()
    return model


def rows(batch: BatchShape) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """A real batch of that shape."""
    ids = torch.randint(3, 2000, (batch.rows, batch.length), generator=torch.Generator().manual_seed(0))
    labels = torch.full_like(ids, -100)
    labels[:, 1 : 1 + batch.trained // batch.rows] = 7  # the first of each row counts nothing
    if batch.joined:
        half = batch.tokens // 2
        positions = torch.cat([torch.arange(half), torch.arange(batch.tokens - half)])[None]
        return {"input_ids": ids.reshape(1, -1), "position_ids": positions}, labels.reshape(1, -1)
    mask = torch.ones_like(ids)
    if batch.masked:
        mask[-1, -3:] = 0
    return {"input_ids": ids, "attention_mask": mask}, labels


def allocated(run: Any) -> int:
    """The most that torch's allocator gave out at a time while `run` ran, as its profiler saw it."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        run()

    def changes(nodes: Any) -> Iterator[tuple[int, int]]:
        for node in nodes:
            if node.typed[0] == _EventType.Allocation:
                yield node.start_time_ns, node.typed[1].alloc_size
            yield from changes(node.children)

    now = peak = 0
    for _, change in sorted(changes(found.profiler.kineto_results.experimental_event_tree())):
        now += change
        peak = max(peak, now)
    return peak


def really(model: Any, batch: BatchShape, autocast: torch.dtype | None, *, held: bool) -> tuple[int, int]:
    """Peak of a forward and backward pass beside the weights, and the gradients' bytes."""
    inputs, labels = rows(batch)
    assert int((labels[:, 1:] != -100).sum()) == batch.trained

    def step() -> None:
        loss = FusedLoss()
        loss._head, loss._is_known = _declared(model), True  # the first batch of all is looked at more closely
        with torch.autocast("cpu", dtype=autocast, enabled=autocast is not None):
            value = loss(model, inputs, labels, want_accuracy=True).loss
        value.backward()

    step()
    gradients = sum(p.grad.numel() * p.grad.element_size() for p in model.parameters() if p.grad is not None)
    if not held:
        model.zero_grad(set_to_none=True)
    return allocated(step) + (gradients if held else 0), gradients


def _declared(model: Any) -> Any:
    from swift_lib.model.output_head import declared_head

    return declared_head(model)


def foretold(batch: BatchShape, autocast: torch.dtype | None, *, held: bool = False, **how: Any) -> StepCost:
    with torch.device("meta"):
        model = build(**how)
    return trace_step(model, batch, autocast=autocast, accumulates=held, optimizer=torch.optim.AdamW)


PADDED = BatchShape(3, 48, 60, masked=True)
PACKED = BatchShape(1, 144, 60, joined=True, masked=True)


@pytest.mark.parametrize("held", [False, True], ids=["first", "accumulating"])
@pytest.mark.parametrize(
    ("tuner", "checkpointing", "dtype", "attention", "batch"),
    [
        ("lora", False, torch.float32, "sdpa", PADDED),
        ("lora", True, torch.float32, "sdpa", PACKED),
        ("lora", True, torch.bfloat16, "sdpa", PADDED),
        ("full", False, torch.float32, "sdpa", PACKED),
        ("full", True, torch.bfloat16, "sdpa", PADDED),
        ("full", False, torch.float32, "eager", PADDED),
    ],
)
def test_a_steps_peak_is_foretold(
    tuner: str, checkpointing: bool, dtype: torch.dtype, attention: str, batch: BatchShape, held: bool
) -> None:
    how = {"tuner": tuner, "checkpointing": checkpointing, "dtype": dtype, "attention": attention}
    autocast = dtype if dtype != torch.float32 else None
    peak, gradients = really(build(**how), batch, autocast, held=held)
    cost = foretold(batch, autocast, held=held, **how)
    assert cost.gradients == gradients and cost.held == (gradients if held else 0)
    # A CPU makes a float32 copy of half-precision gradients of the head to add them; a GPU casts as it adds.
    inside = 4 * 2000 * 64 if tuner == "full" and dtype != torch.float32 else 0
    assert cost.peak + inside == pytest.approx(peak, rel=0.1)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("tuner", ["lora", "full"])
def test_weights_gradients_and_optimizer_state_are_exact(tuner: str, tied: bool) -> None:
    how = {"tuner": tuner, "checkpointing": False, "dtype": torch.float32, "attention": "sdpa", "tied": tied}
    model = build(**how)
    really(model, PADDED, None, held=True)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained)
    optimizer.step()
    states = [value for state in optimizer.state.values() for value in state.values()]
    tensors = [*model.parameters(), *model.buffers()]
    cost = foretold(PADDED, None, **how)
    assert cost.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert cost.trained == sum(parameter.numel() for parameter in trained)
    assert cost.weights == sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    assert cost.gradients == sum(parameter.grad.numel() * 4 for parameter in trained)
    assert cost.optimizer == sum(value.numel() * value.element_size() for value in states)


def test_what_is_kept_is_what_autograd_saves() -> None:
    """Against torch's own hook: each storage that is saved, once, the weights left out."""
    how = {"tuner": "full", "checkpointing": False, "dtype": torch.float32, "attention": "sdpa"}
    model, saved = build(**how), {}
    inputs, _ = rows(PADDED)
    known = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *inputs.values())}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in known:
            saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        hidden = model.model(**inputs).last_hidden_state
    assert hidden.requires_grad
    assert foretold(PADDED, None, **how).saved == pytest.approx(sum(saved.values()), rel=0.1)


def test_checkpointing_saves_memory_and_costs_a_forward_pass() -> None:
    how = {"tuner": "full", "dtype": torch.float32, "attention": "sdpa"}
    batch = BatchShape(4, 256, 1, masked=True)
    plain, again = (foretold(batch, None, checkpointing=value, **how) for value in (False, True))
    assert again.saved < plain.saved / 5 and again.peak < plain.peak
    assert again.flops == pytest.approx(plain.flops * 4 / 3, rel=0.05)


def test_operations_are_those_of_the_products() -> None:
    """Six for each parameter that multiplies and each token (Kaplan et al. 2020), and attention."""
    how = {"tuner": "full", "checkpointing": False, "dtype": torch.float32, "attention": "sdpa", "tied": False}
    batch = BatchShape(2, 64, 126)
    cost = foretold(batch, None, **how)
    table = 2000 * 64
    products = 6 * (cost.parameters - 2 * table) * 128 + 6 * table * 126
    attention = 3 * 7 * (2 * 2 * 64 * 64 * 64)  # layers, two products and five, heads x width = hidden size
    assert cost.flops == pytest.approx(products + attention, rel=0.02)


@pytest.mark.parametrize("kind", ["qwen3", "llama", "gemma3_text", "qwen3_moe", "mixtral"])
def test_other_models_are_gone_through(kind: str) -> None:
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "num_local_experts": 4}
    config = CONFIG_MAPPING[kind](**SHAPE, head_dim=16, pad_token_id=0, **(experts if "m" in kind[-3:] else {}))
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    cost = trace_step(model.train(), PADDED, autocast=torch.bfloat16)
    assert cost.trained == cost.parameters > 100_000 and cost.peak > cost.gradients > 0 and cost.flops > 0


def test_the_formula_is_of_the_same_size() -> None:
    how = {"tuner": "full", "checkpointing": False, "dtype": torch.bfloat16, "attention": "sdpa"}
    batch = BatchShape(4, 256, 500, masked=True)
    with torch.device("meta"):
        model = build(**how)
    rough, exact = formula_cost(model, batch, checkpointing=False), foretold(batch, torch.bfloat16, **how)
    assert (rough.parameters, rough.weights, rough.gradients) == (exact.parameters, exact.weights, exact.gradients)
    assert rough.saved == pytest.approx(exact.saved, rel=0.5)
    assert rough.flops == pytest.approx(exact.flops, rel=0.5)


def test_the_largest_layer_and_quantised_weights() -> None:
    with torch.device("meta"):
        model = build("lora", checkpointing=False, dtype=torch.bfloat16, attention="sdpa")
    assert largest_layer(model) == 2000 * 64 * 2  # the embeddings are larger than any layer
    linear = 3 * (64 * 64 * 2 + 64 * 32 * 2 + 64 * 160 * 3)
    adapters = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    everything = sum(parameter.numel() for parameter in model.parameters())
    rest = 4 * (everything - linear - adapters) + 4 * adapters
    assert quantised_bytes(model, 4) == int(linear * 4.127 / 8) + rest
