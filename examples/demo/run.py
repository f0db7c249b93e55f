"""`make demo`: the main job on the embedded default, and what came of it as a table and outputs/demo/summary.json."""

import json
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from examples.demo.prepare import ensure
from pipelines import submit
from swift_lib.core import environment
from swift_lib.core.errors import SwiftError
from swift_lib.core.files import write_atomic
from swift_lib.core.logs import setup_logging
from swift_lib.core.manifest import read_manifest

OUTPUTS = Path("outputs")
STAGES = {  # stage: the name of its output
    "preprocess": "tokens",
    "train": "trained",
    "merge_lora": "merged",
    "evaluate": "results",
    "reward_sampling": "samples",
    "serve": "measurements",
}


def main() -> int:
    """Prepare, submit, summarise; the exit status is that of the run."""
    setup_logging("info")
    # For a model this small a second torch thread gains little, and on a busy machine its waiting costs tenfold.
    environment.put_default("OMP_NUM_THREADS", "1")
    try:
        demo = ensure(OUTPUTS.resolve())
        run_id = f"demo-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        # In this process, which then is the one that a signal reaches.
        status = submit.main(["--pipeline", "sft", "--target", "local", "--run-id", run_id])
        if status:
            return status
        run = OUTPUTS.resolve() / "runs" / run_id
        found = summary(run)
        write_atomic(demo / "summary.json", (json.dumps(found, indent=1) + "\n").encode())
        print(table(found, run, demo))
    except SwiftError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def summary(run: Path) -> dict[str, Any]:
    """The run's figures, each read from the stage that measured it."""
    outputs = {stage: output_of(run, stage) for stage in STAGES}
    manifests = {stage: read_manifest(folder) for stage, folder in outputs.items()}
    scores, rewards = (manifests[stage]["metrics"] for stage in ("evaluate", "reward_sampling"))
    served = json.loads((outputs["serve"] / "serve.json").read_text(encoding="utf-8"))
    return {
        "base_accuracy": scores["base_exact_match"],
        "tuned_accuracy": scores["exact_match"],
        "held_out_prompts": int(scores["prompts"]),
        **{name: rewards[name] for name in ("reward_mean", "reward_std", "pass_at_1", "pass_at_4")},
        "server_engine": served["server_engine"],
        "server_tokens_per_second": served["server_tokens_per_second"],
        "stages": {stage: manifest["seconds"] for stage, manifest in manifests.items()},
    }


def output_of(run: Path, stage: str) -> Path:
    """The folder that a stage of a local run wrote."""
    return run / "sft" / stage.replace("_", "-") / STAGES[stage]


def table(found: dict[str, Any], run: Path, demo: Path) -> str:
    """The figures for a person."""
    seconds = found["stages"]
    rows = [
        ("held-out prompts", found["held_out_prompts"]),
        ("accuracy of the base model", f"{found['base_accuracy']:.1%}"),
        ("accuracy of the tuned, merged model", f"{found['tuned_accuracy']:.1%}"),
        ("reward (half the prompts are harder)", f"{found['reward_mean']:.3f} +- {found['reward_std']:.3f}"),
        ("pass@1, pass@4", f"{found['pass_at_1']:.3f}, {found['pass_at_4']:.3f}"),
        ("server", f"{found['server_engine']}, {found['server_tokens_per_second']:.0f} tokens/s"),
        ("seconds by stage", ", ".join(f"{stage} {value:.0f}" for stage, value in seconds.items())),
        ("artifacts", run),
        ("merged model", output_of(run, "merge_lora")),
        ("figures as JSON", demo / "summary.json"),
        ("MLflow", "make mlflow, then http://127.0.0.1:5000"),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(["", *(f"{name:{width}}  {value}" for name, value in rows)])


if __name__ == "__main__":
    sys.exit(main())
