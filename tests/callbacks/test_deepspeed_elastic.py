import json
from pathlib import Path
from typing import Any

import pytest

from swift_lib.core.errors import ArgumentError

ELASTIC = {"elasticity": {"enabled": True, "max_train_batch_size": 64, "micro_batch_sizes": [1, 2]}}


@pytest.mark.parametrize("as_file", [True, False])
def test_it_marks_an_elastic_configuration(trainer: Any, tmp_path: Path, as_file: bool) -> None:
    path = tmp_path / "ds.json"
    path.write_text(json.dumps(ELASTIC))
    own = trainer(["deepspeed_elastic"], flat={"deepspeed": str(path) if as_file else ELASTIC}, max_steps=1)
    own.train()
    assert own.state.global_step == 1


@pytest.mark.parametrize(
    ("config", "message"),
    [(None, "deepspeed_elastic needs --deepspeed"), ("zero2", "needs a --deepspeed configuration with"), ({}, "needs")],
)
def test_without_elasticity_it_is_refused(trainer: Any, config: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        trainer(["deepspeed_elastic"], flat={"deepspeed": config})
