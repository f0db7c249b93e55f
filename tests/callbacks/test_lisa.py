from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from swift_lib.callbacks.lisa import LisaCallback, decoder_layers
from swift_lib.core.errors import ArgumentError
from swift_lib.core.types import ModelKeys

LISA = {"lisa_activated_layers": 1, "lisa_step_interval": 2}


class Watch(transformers.TrainerCallback):
    """After every step: the layers that have gradients, and those that the optimizer holds moments of."""

    def __init__(self) -> None:
        self.gradients: list[list[int]] = []
        self.moments: list[list[int]] = []

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        layers = kwargs["model"].model.layers
        held = kwargs["optimizer"].state
        self.gradients.append(
            [i for i, layer in enumerate(layers) if any(p.grad is not None for p in layer.parameters())]
        )
        self.moments.append([i for i, layer in enumerate(layers) if any(p in held for p in layer.parameters())])


def deep(layers: int = 5) -> Any:
    torch.manual_seed(0)
    return transformers.Qwen2ForCausalLM(
        transformers.Qwen2Config(
            vocab_size=320, hidden_size=16, intermediate_size=16, num_hidden_layers=layers, num_attention_heads=2,
            num_key_value_heads=2,
        )
    )  # fmt: skip


def run(trainer: Any, model: Any, *, resume: str | None = None, count: int = 2, **given: Any) -> tuple[Any, Watch]:
    watch = Watch()
    own = trainer(flat={**LISA, "lisa_activated_layers": count}, model=model, **given)
    own.add_callback(watch)
    own.train(resume_from_checkpoint=resume)
    return own, watch


def test_some_layers_are_trained_at_a_time_and_others_after_the_interval(trainer: Any) -> None:
    own, watch = run(trainer, deep(), max_steps=12)
    drawn = watch.gradients
    assert all(len(layers) == 2 for layers in drawn)
    assert all(drawn[step] == drawn[step + 1] for step in range(0, 12, 2))
    assert len({tuple(layers) for layers in drawn}) > 2
    assert watch.moments == drawn  # a layer at rest holds no optimizer state
    assert all(parameter.requires_grad for parameter in own.model.parameters())


def test_what_is_not_drawn_stays_as_it_is(trainer: Any) -> None:
    before = deep()
    own, watch = run(trainer, deep(), max_steps=2, weight_decay=0.1)
    drawn = watch.gradients[0]
    for (name, old), new in zip(before.named_parameters(), own.model.parameters(), strict=True):
        layer = int(name.split(".")[2]) if ".layers." in name else None
        assert torch.equal(old, new) is (layer is not None and layer not in drawn), name


def test_a_resumed_run_trains_the_same_layers_to_the_same_weights(trainer: Any, tmp_path: Path) -> None:
    saving = {"save_strategy": "steps", "save_steps": 3, "max_steps": 8}
    whole, watch = run(trainer, deep(), **saving)
    resumed, rest = run(trainer, deep(), resume=str(tmp_path / "out" / "checkpoint-3"), **saving)
    assert rest.gradients == watch.gradients[3:]
    for one, other in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_frozen_layer_is_not_woken(trainer: Any) -> None:
    model = deep(2)
    for parameter in model.model.layers[1].parameters():
        parameter.requires_grad_(False)
    run(trainer, model, count=2, max_steps=2)
    assert not any(parameter.requires_grad for parameter in model.model.layers[1].parameters())


def test_the_layers_are_the_architectures_else_the_first_list() -> None:
    model = deep(2)
    assert decoder_layers(model) is model.model.layers
    model.vision = torch.nn.ModuleList([torch.nn.Linear(2, 2)])
    model.model_meta = type("Meta", (), {"model_arch": ModelKeys(module_list="vision")})()
    assert decoder_layers(model) is model.vision
    with pytest.raises(ArgumentError, match="the model has no list of layers"):
        decoder_layers(torch.nn.Linear(2, 2))


@pytest.mark.parametrize(
    ("flat", "message"),
    [
        ({"tuner_type": "lora"}, "use --tuner_type full, not lora"),
        ({"lisa_activated_layers": 9}, "the model has 2 layers, not 9"),
    ],
)
def test_what_it_cannot_do_is_refused(trainer: Any, flat: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        trainer(flat={**LISA, **flat})


def test_it_needs_its_number(trainer: Any) -> None:
    with pytest.raises(ArgumentError, match="give how many layers are trained at a time"):
        trainer(["lisa"])


def test_it_draws_by_seed_and_step(trainer: Any) -> None:
    one, other = (
        next(c for c in trainer(flat={**LISA, "seed": seed}, model=deep()).callback_handler.callbacks
             if isinstance(c, LisaCallback))
        for seed in (1, 2)
    )  # fmt: skip
    assert one.draw(4) == one.draw(5)
    assert [one.draw(step) for step in range(0, 40, 2)] != [other.draw(step) for step in range(0, 40, 2)]
