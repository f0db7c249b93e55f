"""Training speed against ms-swift 4.6.0 and TRL: the same model, LoRA, rows, batches and lengths, in turns.

    python benchmarks/training_speed.py --tokenizer FOLDER --rows gsm8k_train.jsonl \\
        --ms-swift-python PATH/venv-msswift/bin/python [--trl-python PATH/venv-trl/bin/python] [--rounds 3]

FOLDER: a Qwen2 tokenizer (tokenizer.json, tokenizer_config.json). The rows have `question` and `answer` (GSM8K);
without --rows made-up sums of about the same length are taken. The peers live in environments of their own:

    python -m venv venv-msswift && venv-msswift/bin/pip install torch==2.13.0 ms-swift==4.6.0
    python -m venv venv-trl && venv-trl/bin/pip install torch==2.13.0 trl peft datasets

The model is a 20M-parameter Qwen2 with the real vocabulary of 151,936, made from a config; LoRA of rank 8 on all linear
layers, float32, 60 steps of 4 rows in the rows' order, gradient checkpointing as all three have it by default. Programs
take turns for --rounds rounds, and every figure is the median over the rounds:

- seconds a step: median over the steps but the first three, from the end of a step to the end of the next.
- to the first step: from the start of the process, rows not yet tokenised, until the first step begins.
- trained tokens a second: labels of the rows, over the time from the first step's begin to the last step's end.
  Ours is measured packed as well (the same rows once, packs of 1,024), the others unpacked (on a CPU both refuse).
- peak memory (resident) of two steps over one row of 8,192 tokens, half of them trained.

Losses of the first step must agree, or the programs did not do the same work. About nine minutes on two idle cores
with the peers; --skip memory, --skip trl and fewer --rounds shorten it.

--device cuda: a 0.6B Qwen3 shape in bfloat16 with flash attention, LoRA, packs of 8,192, tokens a second and peak GPU
memory. Refused where there is no GPU.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from training_programs import Run, Work, ms_swift, ours, run, trl

SHAPE = {"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 2,
         "num_key_value_heads": 2, "tie_word_embeddings": True, "max_position_embeddings": 32768}  # fmt: skip
QWEN3 = {"hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28, "num_attention_heads": 16,
         "num_key_value_heads": 8, "head_dim": 128, "tie_word_embeddings": True,
         "max_position_embeddings": 40960}  # fmt: skip
VOCABULARY = 151_936
WARM_UP = 3
PACKED = "ours, packed"
SYSTEM = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
# What the qwen2_5 template writes, with the trained part marked for TRL. A line feed after a block would be eaten.
CHAT_TEMPLATE = r"""
{%- for message in messages -%}
{{- '<|im_start|>' + message.role + '\n' -}}
{%- if message.role == 'assistant' -%}
{%- generation -%}{{- message.content + '<|im_end|>' -}}{%- endgeneration -%}{{- '\n' -}}
{%- else -%}
{{- message.content + '<|im_end|>\n' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}""".strip()


def make_model(folder: Path, tokenizer: Path, device: str) -> Path:
    """Random weights and the real tokenizer."""
    import torch
    from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

    saved = AutoTokenizer.from_pretrained(tokenizer)
    saved.chat_template = CHAT_TEMPLATE
    saved.save_pretrained(folder)
    end, pad = saved.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])
    common = {"vocab_size": VOCABULARY, "eos_token_id": end, "pad_token_id": pad}
    torch.manual_seed(0)
    if device == "cuda":
        model = Qwen3ForCausalLM(Qwen3Config(**common, **QWEN3, dtype="bfloat16")).bfloat16()
    else:
        model = Qwen2ForCausalLM(Qwen2Config(**common, **SHAPE, dtype="float32"))
    model.save_pretrained(folder)
    return folder


def make_rows(path: Path, source: Path | None, count: int) -> Path:
    """The rows as conversations, the system message written out so that every program has the same."""
    if source is not None:
        with open(source, encoding="utf-8") as file:
            pairs = [(row["question"], row["answer"]) for row in map(json.loads, file)]
    else:
        pairs = []
        for at in range(count):
            numbers = [(7919 * (at + k)) % 1000 for k in range(12)]
            steps = [f"{sum(numbers[:k])} + {numbers[k]} = {sum(numbers[: k + 1])}" for k in range(1, 12)]
            pairs.append((f"What is the sum of {', '.join(map(str, numbers))}?", "\n".join(steps)))
    pairs = [pairs[at % len(pairs)] for at in range(count)]
    path.write_text("".join(conversation([pair]) for pair in pairs), encoding="utf-8")
    return path


def conversation(pairs: list[tuple[str, str]]) -> str:
    """One row, a line of JSON."""
    messages = [{"role": "system", "content": SYSTEM}]
    for question, answer in pairs:
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": messages}, ensure_ascii=False) + "\n"


def make_long_row(path: Path, tokenizer: Path, length: int) -> Path:
    """Rows of one conversation of just under `length` tokens, of which half are trained."""
    from transformers import AutoTokenizer

    loaded = AutoTokenizer.from_pretrained(tokenizer)
    sentence = "The train leaves at nine and is home by ten. "
    each = len(loaded(sentence)["input_ids"])
    half = sentence * ((length // 2 - 40) // each)
    path.write_text(conversation([(half, half)]) * 4, encoding="utf-8")
    return path


def trained_tokens(rows: Path, tokenizer: Path) -> int:
    """Labels of the rows: the replies and their end tokens."""
    from transformers import AutoTokenizer

    loaded = AutoTokenizer.from_pretrained(tokenizer)
    replies = [
        message["content"]
        for line in rows.read_text(encoding="utf-8").splitlines()
        for message in json.loads(line)["messages"]
        if message["role"] == "assistant"
    ]
    return sum(len(ids) + 1 for ids in loaded(replies)["input_ids"])


def step_seconds(found: Run) -> float:
    """Median of the steps after the first few."""
    return statistics.median(found.steps[WARM_UP:] or found.steps)


def step_cpu(found: Run) -> float:
    """The same of the processor's seconds, which depend less on what else runs on the machine."""
    return statistics.median(found.cpu_steps[WARM_UP:] or found.cpu_steps)


def in_turns(
    programs: dict[str, Callable[[Path], list[str]]], rounds: int, folder: Path, **options: Any
) -> dict[str, list[Run]]:
    """Run each program once a round, the order turning from round to round."""
    found: dict[str, list[Run]] = {name: [] for name in programs}
    names = list(programs)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            output = folder / "output"
            shutil.rmtree(output, ignore_errors=True)
            shutil.rmtree(folder / "hf", ignore_errors=True)  # a cache would tokenise for the next run
            result = run(programs[name](output), folder, **options)
            found[name].append(result)
            print(
                f"round {turn + 1} {name}: {step_seconds(result):.3f} s/step (processor {step_cpu(result):.3f}), first "
                f"step after {result.to_first_step:.1f} s ({result.cpu_to_first_step:.1f}), "
                f"{result.memory:.0f} MiB, first loss {result.losses[0]:.6f}",
                file=sys.stderr,
            )
    return found


def speed_table(found: dict[str, list[Run]], tokens: dict[str, float]) -> list[dict[str, Any]]:
    """One row a program; `tokens`: trained tokens of a whole run of each. Ratios are to ms-swift, or else to ours."""
    base = "ms-swift" if "ms-swift" in found else "ours"
    figures: dict[str, Callable[[str, Run], float]] = {
        "seconds a step": lambda name, one: step_seconds(one),
        "processor seconds a step": lambda name, one: step_cpu(one),
        "seconds to the first step": lambda name, one: one.to_first_step,
        "processor seconds to the first step": lambda name, one: one.cpu_to_first_step,
        "trained tokens a second": lambda name, one: tokens[name] / sum(one.steps),
        "trained tokens a processor second": lambda name, one: tokens[name] / sum(one.cpu_steps),
        "peak memory (MiB)": lambda name, one: one.memory,
    }
    table = []
    for title, figure in figures.items():
        medians = {name: statistics.median(figure(name, one) for one in runs) for name, runs in found.items()}
        row: dict[str, Any] = {"": title}
        for name, value in medians.items():
            row[name] = f"{value:.4g}"
            if name != base:
                row[name] += f" ({value / medians[base]:.2f}x)"
        table.append(row)
    table.append({"": "loss of the first step", **{name: f"{runs[0].losses[0]:.5f}" for name, runs in found.items()}})
    return table


def show(table: list[dict[str, Any]]) -> None:
    """A markdown table."""
    print("| " + " | ".join(name.strip() for name in table[0]) + " |")
    print("|" + "---|" * len(table[0]))
    for row in table:
        print("| " + " | ".join(str(value) for value in row.values()) + " |")


def compare_speed(options: argparse.Namespace, folder: Path) -> dict[str, list[Run]]:
    """Unpacked in all programs, packed in ours."""
    model = make_model(folder / "model", options.tokenizer, options.device)
    rows = make_rows(folder / "rows.jsonl", options.rows, options.steps * options.batch)
    work = Work(model, rows, options.steps, options.batch, checkpointing=options.checkpointing == "true")
    once = ("--num_train_epochs", "1", "--packing_strategy", "sequential")
    packed = replace(work, packing_length=options.packing_length, batch=1, steps=-1, more=once)
    programs: dict[str, Callable[[Path], list[str]]] = {"ours": partial(ours, work), PACKED: partial(ours, packed)}
    if options.ms_swift_python:
        programs["ms-swift"] = partial(ms_swift, options.ms_swift_python, work)
    found = in_turns(programs, options.rounds, folder, threads=options.threads)
    if options.trl_python and "trl" not in options.skip:
        short = {"TRL": partial(trl, options.trl_python, replace(work, steps=options.trl_steps))}
        found |= in_turns(short, 1, folder, threads=options.threads)
    return found


def compare_memory(options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Two steps over one row of 8,192 tokens."""
    rows = make_long_row(folder / "long.jsonl", options.tokenizer, 8192)
    work = Work(folder / "model", rows, 2, 1, max_length=8192, checkpointing=options.checkpointing == "true")
    programs: dict[str, Callable[[Path], list[str]]] = {"ours": partial(ours, work)}
    if options.ms_swift_python:
        programs["ms-swift"] = partial(ms_swift, options.ms_swift_python, work)
    limits = {"threads": options.threads, "memory_limit": options.memory_limit}
    found = in_turns(programs, 1, folder, **limits)
    base = (found.get("ms-swift") or found["ours"])[0].memory
    return [
        {
            "program": name,
            "peak memory at 8k (MiB)": round(runs[0].memory),
            "x ms-swift": round(runs[0].memory / base, 3),
            "seconds a step": round(runs[0].steps[-1], 2),
            "first loss": round(runs[0].losses[0], 5),
        }
        for name, runs in found.items()
    ]


def compare_gpu(options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """A 0.6B shape in bfloat16, packs of 8,192: tokens a second over all positions, and peak memory."""
    length = 8192
    model = make_model(folder / "model", options.tokenizer, "cuda")
    rows = make_rows(folder / "rows.jsonl", options.rows, options.steps * 64)
    work = Work(
        model, rows, options.steps, 1, packing_length=length, max_length=length, dtype="bfloat16", device="cuda",
        attention="flash_attention_2", checkpointing=options.checkpointing == "true",
    )  # fmt: skip
    programs: dict[str, Callable[[Path], list[str]]] = {"ours": partial(ours, work)}
    if options.ms_swift_python:
        programs["ms-swift"] = partial(ms_swift, options.ms_swift_python, work)
    if options.trl_python:
        programs["TRL"] = partial(trl, options.trl_python, work)
    found = in_turns(programs, options.rounds, folder, threads=options.threads)
    return [
        {
            "program": name,
            "tokens a second": round(length / statistics.median(step_seconds(one) for one in runs)),
            "peak GPU memory (MiB)": round(statistics.median(one.gpu_memory for one in runs)),
            "first loss": round(runs[0].losses[0], 4),
        }
        for name, runs in found.items()
    ]


def require_same_work(found: dict[str, list[Run]]) -> None:
    """The same batch, the same weights: the losses of the first step agree."""
    first = {name: runs[0].losses[0] for name, runs in found.items() if name != PACKED}
    if max(first.values()) - min(first.values()) > 2e-3:
        sys.exit(f"the programs did not do the same work: first losses {first}")


def require_gpu() -> None:
    """End where there is none."""
    import torch

    if not torch.cuda.is_available():
        sys.exit("--device cuda: there is no CUDA device on this machine")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--ms-swift-python", default="")
    parser.add_argument("--trl-python", default="")
    parser.add_argument("--trl-steps", type=int, default=12)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--packing-length", type=int, default=1024)
    parser.add_argument("--checkpointing", choices=["true", "false"], default="true")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--memory-limit", type=float, default=0, help="GiB a process may take in the memory part")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--skip", nargs="*", choices=["speed", "memory", "trl"], default=[])
    parser.add_argument("--json", type=Path, help="also write the figures here")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    options = parse()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.device == "cuda":
            require_gpu()
            options.skip = ["speed", "memory"]
            figures["gpu"] = compare_gpu(options, folder)
            show(figures["gpu"])
        if "speed" not in options.skip:
            found = compare_speed(options, folder)
            total = trained_tokens(folder / "rows.jsonl", options.tokenizer)
            tokens = {name: total * len(runs[0].steps) / options.steps for name, runs in found.items()}
            figures["speed"] = speed_table(found, {**tokens, PACKED: total})  # packed, each row is trained once
            show(figures["speed"])
            require_same_work(found)
        if "memory" not in options.skip:
            if not (folder / "model").exists():
                make_model(folder / "model", options.tokenizer, options.device)
            figures["memory"] = compare_memory(options, folder)
            print()
            show(figures["memory"])
    print(json.dumps(figures))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
