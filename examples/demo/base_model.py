"""Make the demo's base model: a two-layer Qwen2 trained from nothing to copy, through the library's own template."""

import json
import logging
import random
import shutil
from pathlib import Path

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from examples.demo.tasks import copy_rows
from examples.demo.tokenizer import END, END_OF_TEXT, save_tokenizer
from swift_lib import get_processor, get_template
from swift_lib.core.errors import TrainingError
from swift_lib.core.manifest import write_manifest
from swift_lib.core.progress import Progress
from swift_lib.core.seeding import seed_everything

logger = logging.getLogger(__name__)

RECIPE = {"steps": 300, "batch_size": 32, "learning_rate": 2e-3, "warmup": 0.1, "seed": 42, "version": 1}
# 0.3M parameters. Heads of 64, since serving kernels want 32 or more. The wide initialisation lets copying
# (an induction head) form within 200 steps; with the default of 0.02 it takes thousands.
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
MAX_FINAL_LOSS = 0.1  # nats per answer token; an untrained model has 5.8, one that copies has 0.01


def make_base(folder: Path) -> None:
    """Train the base and write it to `folder`, which appears complete or not at all."""
    aside = folder.with_name(folder.name + ".partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    seed_everything(int(RECIPE["seed"]))
    model = _new_model(aside)
    loss = _train(model, aside)
    if not loss < MAX_FINAL_LOSS:
        raise TrainingError(
            f"The demo's base model did not learn to copy: its loss ended at {loss:.3f}, above {MAX_FINAL_LOSS}",
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
    """AdamW with a one-cycle rate over fresh rows; returns the mean loss of the last 20 steps, in nats per token."""
    steps, size, rate = int(RECIPE["steps"]), int(RECIPE["batch_size"]), float(RECIPE["learning_rate"])
    template = get_template(get_processor(str(folder), model_type="qwen2"), "chatml")
    template.set_mode("train")
    rows = template.encode_batch(copy_rows(steps * size, int(RECIPE["seed"])))
    random.Random(int(RECIPE["seed"])).shuffle(rows)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=float(RECIPE["warmup"]))
    losses = []
    model.train()
    with Progress(steps, "base model", "step") as progress:
        for start in range(0, steps * size, size):
            batch = template.data_collator(rows[start : start + size])
            loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            losses.append(loss.item())
            progress.update(1)
    return sum(losses[-20:]) / len(losses[-20:])
