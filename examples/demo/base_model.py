"""Make the demo's base model: a two-layer Qwen2 trained from nothing to copy, through the library's own template."""

import json
import logging
import shutil
from collections import deque
from pathlib import Path

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from examples.demo.tasks import copy_rows
from examples.demo.tokenizer import END, END_OF_TEXT, save_tokenizer
from swift_lib import get_processor, get_template
from swift_lib.core.errors import TrainingError
from swift_lib.core.manifest import write_manifest
from swift_lib.core.progress import Progress
from swift_lib.core.seeding import derive_seed, seed_everything

logger = logging.getLogger(__name__)

RECIPE = {
    "max_steps": 600,
    "batch_size": 16,
    "learning_rate": 2e-3,
    "warmup_steps": 30,
    "decay_steps": 100,
    "seed": 42,
}
# 0.3M parameters. Heads of 64, since serving kernels want 32 or more. The wide initialisation lets copying
# form within 100 steps; with the default of 0.02 it takes many more.
SHAPE = {
    "vocab_size": 320,
    "hidden_size": 128,
    "intermediate_size": 384,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "initializer_range": 0.06,
    "tie_word_embeddings": True,
}
# nats per answer token, means of WINDOW steps; an untrained model has 5.8
COPIES = 0.35  # copying has set in
LEARNED = 0.05  # good enough at the end
WINDOW = 20


def make_base(folder: Path) -> None:
    """Train the base and write it to `folder`, which appears complete or not at all."""
    aside = folder.with_name(folder.name + ".partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    seed_everything(int(RECIPE["seed"]))
    model = _new_model(aside)
    loss = _train(model, aside)
    if loss > LEARNED:
        raise TrainingError(
            f"The demo's base model did not learn to copy: its loss ended at {loss:.3f}, above {LEARNED}",
            fix="run it again with another RECIPE['seed'] in examples/demo/base_model.py",
        )
    model.save_pretrained(aside)
    (aside / "args.json").write_text(json.dumps({"model_type": "qwen2", "template": "chatml"}) + "\n", encoding="utf-8")
    write_manifest(aside, stage="demo_base", arguments={**RECIPE, **SHAPE}, extra={"metrics": {"loss": loss}})
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)


def _new_model(folder: Path) -> Qwen2ForCausalLM:
    tokenizer = save_tokenizer(folder)
    end, pad = tokenizer.convert_tokens_to_ids([END, END_OF_TEXT])
    config = Qwen2Config(**SHAPE, eos_token_id=end, pad_token_id=pad, dtype="float32")
    config.architectures = ["Qwen2ForCausalLM"]
    config.save_pretrained(folder)
    model = Qwen2ForCausalLM(config)
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = end, pad
    return model


def _train(model: Qwen2ForCausalLM, folder: Path) -> float:
    """AdamW over fresh rows until the model copies; returns the mean loss of the last steps, in nats per token.

    When copying sets in depends on the seed and on the processor's arithmetic, so the learning rate falls from then on
    and not from a fixed step.
    """
    steps, size = int(RECIPE["max_steps"]), int(RECIPE["batch_size"])
    template = get_template(get_processor(str(folder), model_type="qwen2"), "chatml")
    template.set_mode("train")
    optimizer = torch.optim.AdamW(model.parameters(), lr=RECIPE["learning_rate"], betas=(0.9, 0.95), weight_decay=0.01)
    recent: deque[float] = deque(maxlen=WINDOW)
    left = decay = int(RECIPE["decay_steps"])
    model.train()
    with Progress(None, "base model", "step") as progress:
        for step in range(steps):
            warm = min(1.0, (step + 1) / RECIPE["warmup_steps"])
            optimizer.param_groups[0]["lr"] = RECIPE["learning_rate"] * warm * left / decay
            rows = copy_rows(size, derive_seed(int(RECIPE["seed"]), step))
            loss = model(**template.data_collator(template.encode_batch(rows))).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            recent.append(loss.item())
            progress.update(1)
            if left < decay or (len(recent) == WINDOW and sum(recent) / WINDOW < COPIES):
                left -= 1
            if left == 0:
                break
    return sum(recent) / len(recent)
