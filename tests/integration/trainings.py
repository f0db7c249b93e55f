"""Several trainings one after the other in the same processes, since starting those takes longer than a tiny training.

`python -m torch.distributed.run ... trainings.py jobs.json`; a job is the arguments of `sft_main`, or, with "fails", of
one that must fail with such a text.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from accelerate.state import AcceleratorState
from transformers.integrations.deepspeed import unset_hf_deepspeed_config

from swift_lib.core.errors import SwiftError
from swift_lib.core.logs import setup_logging
from swift_lib.pipelines.sft import sft_main


def main() -> None:
    setup_logging()
    for job in json.loads(Path(sys.argv[1]).read_text()):
        forget()
        run(dict(job))


def run(job: dict[str, Any]) -> None:
    fails = job.pop("fails", None)
    try:
        sft_main(job)
    except SwiftError as error:
        if fails is None or fails not in str(error):
            raise
    else:
        assert fails is None, f"{job} did not fail with {fails!r}"


def forget() -> None:
    """What accelerate and transformers keep of an earlier training in this process."""
    unset_hf_deepspeed_config()
    AcceleratorState._reset_state(reset_partial_state=True)
    for name in list(os.environ):
        if name.startswith(("ACCELERATE_", "FSDP_")):
            del os.environ[name]


if __name__ == "__main__":
    main()
