import subprocess
import sys


def test_no_model_is_asked_whether_it_is_deepspeeds_where_that_is_not_in_use() -> None:
    code = """
import sys
import torch
from accelerate.utils import extract_model_from_parallel
from swift_lib.trainers import transformers_patches
transformers_patches.install()
layer = torch.nn.Linear(1, 1)
assert extract_model_from_parallel(layer) is layer
print("deepspeed" in sys.modules)
import deepspeed
engine = object.__new__(deepspeed.DeepSpeedEngine)
torch.nn.Module.__init__(engine)
engine.__dict__["module"] = layer
assert extract_model_from_parallel(engine) is layer
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines()[0] == "False"
