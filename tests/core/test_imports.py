import subprocess
import sys

import pytest

from swift_lib.core.imports import hidden


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_a_hidden_library_is_not_there_and_comes_back() -> None:
    with hidden("wave"), pytest.raises(ModuleNotFoundError):
        import wave
    import wave

    assert wave.__name__ == "wave"


def test_what_is_imported_already_stays() -> None:
    with hidden("sys", "json"):
        import json

        assert json.loads("1") == 1
    assert sys.modules["json"] is json


def test_transformers_comes_without_scikit_learn_and_others_still_find_it() -> None:
    code = """
import sys
from swift_lib.core.imports import keep_out_unused
keep_out_unused()
from transformers.generation import candidate_generator
assert candidate_generator.__spec__.loader.get_source(candidate_generator.__name__)
print("sklearn" in sys.modules)
import sklearn
print(sklearn.__name__)
"""
    assert python(code).split() == ["False", "sklearn"]


def test_transformers_that_has_seen_scikit_learn_finds_it() -> None:
    code = """
import sys
from swift_lib.core.imports import keep_out_unused
from transformers.utils import is_sklearn_available
assert is_sklearn_available()
keep_out_unused()
from transformers.generation import candidate_generator
print("sklearn" in sys.modules)
"""
    assert python(code) == "True"
