"""The named configurations of DeepSpeed and FSDP, and what else --deepspeed and --fsdp take."""

import json
from pathlib import Path
from typing import Any

import pytest

from swift_lib.core.errors import ArgumentError
from swift_lib.trainers.presets import DEEPSPEED, FSDP, deepspeed_config, fsdp_config

ROOT = Path(__file__).resolve().parents[2]
NOTHING = {"deepspeed": None, "fsdp": None, "zero_hpz_partition_size": None, "deepspeed_autotp_size": None,
           "tuner_type": "full"}  # fmt: skip


def flat(**given: Any) -> dict[str, Any]:
    return {**NOTHING, **given}


def test_each_file_is_a_preset() -> None:
    files = {path.stem for path in (ROOT / "swift_lib/config").glob("*.json")}
    assert files == {*DEEPSPEED, *FSDP}
    assert files == {"zero0", "zero1", "zero2", "zero3", "zero2_offload", "zero3_offload", "fsdp2"}


@pytest.mark.parametrize("name", DEEPSPEED)
def test_presets_of_deepspeed(name: str) -> None:
    pytest.importorskip("deepspeed")
    config = deepspeed_config(flat(deepspeed=name))
    assert config is not None
    zero = config["zero_optimization"]
    assert zero["stage"] == int(name[4])
    assert config["bf16"]["enabled"] == config["fp16"]["enabled"] == config["train_batch_size"] == "auto"
    offloads = name.endswith("offload")
    if zero["stage"] >= 2:
        assert zero["offload_optimizer"]["device"] == ("cpu" if offloads else "none")
    if zero["stage"] == 3:
        assert zero["offload_param"]["device"] == ("cpu" if offloads else "none")
        assert zero["stage3_gather_16bit_weights_on_model_save"] is True


def test_a_file_and_a_text_are_taken_as_well(tmp_path: Path) -> None:
    pytest.importorskip("deepspeed")
    own = {"zero_optimization": {"stage": 1}, "steps_per_print": 7}
    (tmp_path / "own.json").write_text(json.dumps(own))
    for given in (str(tmp_path / "own.json"), json.dumps(own), own):
        assert deepspeed_config(flat(deepspeed=given)) == own


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"deepspeed": "zero9"}, "'zero9' is not there; expected zero0, zero1"),
        ({"deepspeed": "{not json"}, "not JSON"),
        ({"deepspeed": "zero2", "zero_hpz_partition_size": 2}, "ZeRO stage 3 only"),
        ({"deepspeed": "zero3", "deepspeed_autotp_size": 2}, "stages 0 to 2"),
        ({"deepspeed": "zero2", "deepspeed_autotp_size": 2, "tuner_type": "lora"}, "--tuner_type full only"),
    ],
)
def test_what_is_no_configuration_of_deepspeed(given: dict[str, Any], told: str) -> None:
    pytest.importorskip("deepspeed")
    with pytest.raises(ArgumentError, match=told):
        deepspeed_config(flat(**given))


def test_arguments_enter_deepspeeds_configuration() -> None:
    pytest.importorskip("deepspeed")
    config = deepspeed_config(flat(deepspeed="zero3", zero_hpz_partition_size=8))
    assert config is not None and config["zero_optimization"]["zero_hpz_partition_size"] == 8
    config = deepspeed_config(flat(deepspeed="zero1", deepspeed_autotp_size=2))
    assert config is not None and config["tensor_parallel"] == {"autotp_size": 2}
    assert config["zero_optimization"]["gather_16bit_weights_on_model_save"] is True


def test_the_preset_of_fsdp_is_made_transformers_own() -> None:
    assert fsdp_config(flat(fsdp="fsdp2"), None) == {
        "version": 2, "reshard_after_forward": True, "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        "cpu_ram_efficient_loading": True, "state_dict_type": "SHARDED_STATE_DICT", "activation_checkpointing": True,
    }  # fmt: skip


def test_fsdp_config_adds_to_a_preset() -> None:
    config = fsdp_config(flat(fsdp="fsdp2"), {"activation_checkpointing": False, "activation_cpu_offload": True})
    assert config is not None
    assert config["activation_checkpointing"] is False and config["activation_cpu_offload"] is True


def test_words_of_fsdp() -> None:
    config = fsdp_config(flat(fsdp={"fsdp": "shard_grad_op auto_wrap offload"}), None)
    assert config == {"version": 2, "reshard_after_forward": False, "cpu_offload": True}
    with pytest.raises(ArgumentError, match="hybrid_shard"):
        fsdp_config(flat(fsdp={"fsdp": "hybrid_shard"}), None)
    with pytest.raises(ArgumentError, match="version 1"):
        fsdp_config(flat(fsdp={"fsdp_config": {"fsdp_version": 1}}), None)


def test_nothing_is_configured_where_nobody_asks() -> None:
    assert deepspeed_config(NOTHING) is None and fsdp_config(NOTHING, None) is None
