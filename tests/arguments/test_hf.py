"""transformers' own fields, taken by name without importing transformers."""

import pytest

from swift_lib.arguments import ExportArguments, SftArguments
from swift_lib.arguments.coerce import coerce
from swift_lib.arguments.hf import hf_names, hf_spec
from swift_lib.arguments.hf_training_table import TABLE, VERSION
from swift_lib.core.errors import ArgumentError


def test_the_table_is_that_of_the_installed_version() -> None:
    transformers = pytest.importorskip("transformers", reason="the table is compared with the installed transformers")
    if transformers.__version__ != VERSION:
        pytest.skip(f"the table was made with transformers {VERSION}, installed is {transformers.__version__}")
    from swift_lib.arguments.make_hf_table import table

    assert table() == TABLE


def test_every_default_fits_its_type() -> None:
    specs = {name: hf_spec(name) for name in hf_names()}
    # transformers itself reads "no" as False
    assert [n for n, spec in specs.items() if coerce(spec.default, spec.type) not in (spec.default, False)] == []


def test_every_field_is_accepted() -> None:
    defaults = {name: hf_spec(name).default for name in hf_names()}
    del defaults["debug"], defaults["log_level"]  # ours of the same name: a truth value, another set of words
    args = SftArguments(
        **{"model": "m", "dataset": ["d"], "output_dir": "o", **{k: v for k, v in defaults.items() if v is not None}}
    )
    flat = {**args.to_flat(), "include_num_input_tokens_seen": "no"}  # which reads as False, in transformers too
    assert {name: flat[name] for name, value in defaults.items() if value is not None} == {
        name: value for name, value in defaults.items() if value is not None
    }


def test_several_words_where_a_list_is_possible() -> None:
    args = SftArguments(model="m", dataset=["d"], report_to=["none"], optim_target_modules="all-linear")
    assert args.hf == {"report_to": ["none"], "optim_target_modules": "all-linear"}


def test_what_is_given_lands_in_hf_and_nothing_else() -> None:
    args = SftArguments(
        model="m", dataset=["d"], warmup_steps="10", optim="adamw_torch", lr_scheduler_kwargs='{"power": 2}'
    )
    assert args.hf == {"warmup_steps": 10.0, "optim": "adamw_torch", "lr_scheduler_kwargs": {"power": 2}}
    assert SftArguments.from_flat(args.to_flat()) == args


def test_only_training_takes_them() -> None:
    with pytest.raises(ArgumentError, match="--warmup_steps: unknown argument"):
        ExportArguments(model="m", warmup_steps=10)
