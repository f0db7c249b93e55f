"""Hold `make demo`'s summary against what the project promises; exit 1 and name each promise that is not kept."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

STAGES = ("preprocess", "train", "merge_lora", "evaluate", "reward_sampling", "serve")
SCORES = ("reward_mean", "pass_at_1", "pass_at_4")


def broken_promises(summary: Mapping[str, Any], *, engine: str | None) -> list[str]:
    """One line for each figure that is missing or out of bounds; `engine` None accepts any server."""
    keys = ("base_accuracy", "tuned_accuracy", "reward_std", "server_engine", "server_tokens_per_second", "stages")
    if missing := [key for key in (*keys, *SCORES) if key not in summary]:
        return [f"summary.json lacks {', '.join(missing)}"]
    problems = []
    if not summary["base_accuracy"] <= 0.10:
        problems.append(f"base_accuracy is {summary['base_accuracy']}: at most 0.10")
    if not summary["tuned_accuracy"] >= 0.90:
        problems.append(f"tuned_accuracy is {summary['tuned_accuracy']}: at least 0.90")
    if not summary["reward_std"] > 0:
        problems.append("reward_std is 0: every sample has the same score")
    problems += [f"{key} is {summary[key]}: between 0 and 1" for key in SCORES if not 0 <= summary[key] <= 1]
    if not summary["pass_at_1"] <= summary["pass_at_4"]:
        problems.append("pass_at_1 is above pass_at_4")
    if engine and summary["server_engine"] != engine:
        problems.append(f"server_engine is {summary['server_engine']}: {engine}")
    if not summary["server_tokens_per_second"] > 0:
        problems.append("server_tokens_per_second is not above 0")
    return problems + [f"stage {stage} did not run" for stage in STAGES if stage not in summary["stages"]]


def main() -> int:
    """Check the file that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("summary", nargs="?", type=Path, default=Path("outputs/demo/summary.json"))
    parser.add_argument("--engine", help="the engine that must have served, such as vllm")
    options = parser.parse_args()
    try:
        summary = json.loads(options.summary.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        print(f"{options.summary}: {error}", file=sys.stderr)
        return 1
    problems = broken_promises(summary, engine=options.engine)
    for problem in problems:
        print(f"{options.summary}: {problem}", file=sys.stderr)
    if not problems:
        print(f"{options.summary}: all promises kept")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
