"""The other adapters that peft has, each as the configuration that flat arguments mean."""

from typing import Any

import torch
from peft import AdaLoraConfig, BOFTConfig, FourierFTConfig, IA3Config, MissConfig, VeraConfig

from swift_lib.core.errors import ArgumentError, ModelError
from swift_lib.model.arch import MODEL_ARCH_MAPPING
from swift_lib.tuner_plugin import targets
from swift_lib.tuner_plugin.peft_tuner import PeftTuner

_STEPS_UNKNOWN = 1 << 30


def _common(args: Any, model: torch.nn.Module) -> dict[str, Any]:
    return {
        "task_type": targets.peft_task(args),
        "target_modules": targets.target_modules(args, model),
        "modules_to_save": targets.modules_to_save(args, model),
    }


class AdaLoraTuner(PeftTuner):
    """AdaLoRA (arXiv:2303.10512): W + P diag(E) Q, with the ranks shared out between the layers while it trains.

    The callback `adalora` cuts the ranks; the orthogonality of P and Q is a term of the loss (eq. 4, `extra_loss`).
    """

    @classmethod
    def config(cls, args: Any, model: torch.nn.Module) -> AdaLoraConfig:
        """The number of steps is known once training begins, which is when the callback sets it."""
        if args.max_steps > 0 and args.adalora_tinit + args.adalora_tfinal >= args.max_steps:
            raise ArgumentError(
                [
                    f"--adalora_tinit, --adalora_tfinal: of {args.max_steps} steps, "
                    f"{args.adalora_tinit} + {args.adalora_tfinal} leave none to cut ranks in"
                ]
            )
        return AdaLoraConfig(
            **_common(args, model),
            target_r=args.adalora_target_r,
            init_r=args.adalora_init_r,
            tinit=args.adalora_tinit,
            tfinal=args.adalora_tfinal,
            deltaT=args.adalora_deltaT,
            beta1=args.adalora_beta1,
            beta2=args.adalora_beta2,
            orth_reg_weight=args.adalora_orth_reg_weight,
            total_step=args.max_steps if args.max_steps > 0 else _STEPS_UNKNOWN,
            lora_alpha=args.lora_alpha,
            lora_dropout=args.lora_dropout,
            bias=args.lora_bias,
        )

    @staticmethod
    def extra_loss(model: Any) -> torch.Tensor | None:
        """The mean of |P^T P - I| and |Q Q^T - I| (Frobenius) over all layers, weighted; None for a weight of 0."""
        weight = model.peft_config["default"].orth_reg_weight
        if not weight:
            return None
        norms = []
        for name, value in model.named_parameters():
            if value.requires_grad and (".lora_A." in name or ".lora_B." in name):
                product = value @ value.T if ".lora_A." in name else value.T @ value
                norms.append(torch.linalg.matrix_norm(product - torch.eye(len(product)).to(product)))
        return weight * torch.stack(norms).mean()


class VeraTuner(PeftTuner):
    """VeRA (arXiv:2310.11454): random matrices that all layers share and only scale."""

    @classmethod
    def config(cls, args: Any, model: torch.nn.Module) -> VeraConfig:
        """The shared matrices are stored with the adapter."""
        return VeraConfig(
            **_common(args, model),
            r=args.vera_rank,
            projection_prng_key=args.vera_projection_prng_key,
            vera_dropout=args.vera_dropout,
            d_initial=args.vera_d_initial,
            bias=args.lora_bias.replace("lora", "vera"),
        )


class BoftTuner(PeftTuner):
    """BOFT (arXiv:2311.06243): weights turned by products of orthogonal blocks."""

    @classmethod
    def config(cls, args: Any, model: torch.nn.Module) -> BOFTConfig:
        """Blocks by size or by number."""
        return BOFTConfig(
            **_common(args, model),
            boft_block_size=args.boft_block_size,
            boft_block_num=args.boft_block_num,
            boft_n_butterfly_factor=args.boft_n_butterfly_factor,
            boft_dropout=args.boft_dropout,
            bias=args.lora_bias.replace("lora", "boft"),
        )


class FourierFtTuner(PeftTuner):
    """FourierFT (arXiv:2405.03003): updates whose spectrum has few entries."""

    @classmethod
    def config(cls, args: Any, model: torch.nn.Module) -> FourierFTConfig:
        """Trained entries and their scale."""
        return FourierFTConfig(
            **_common(args, model),
            n_frequency=args.fourier_n_frequency,
            scaling=args.fourier_scaling,
            bias=args.lora_bias.replace("lora", "fourier"),
        )


class MissTuner(PeftTuner):
    """MiSS (arXiv:2409.15371, first called Bone): one small block, repeated over the weight."""

    @classmethod
    def config(cls, args: Any, model: torch.nn.Module) -> MissConfig:
        """`--init_weights bat` lets the update depend on the weight."""
        return MissConfig(
            **_common(args, model),
            r=args.lora_rank,
            miss_dropout=args.lora_dropout,
            init_weights="bat" if args.init_weights == "bat" else True,
            bias=args.lora_bias.replace("lora", "MiSS"),
        )


class Ia3Tuner(PeftTuner):
    """IA3 (arXiv:2205.05638): activations scaled by trained vectors."""

    @classmethod
    def config(cls, args: Any, model: torch.nn.Module) -> IA3Config:
        """In feed-forward layers it is the input that is scaled, elsewhere the output."""
        arch = MODEL_ARCH_MAPPING[model.model_meta.model_arch]
        if not arch.mlp:
            raise ModelError(
                f"The architecture {arch.arch_name!r} does not say where the feed-forward layers are",
                where="--tuner_type ia3",
                fix="set mlp in its ModelKeys",
            )
        inside = arch.mlp.partition("{}.")[2]
        return IA3Config(**_common(args, model), feedforward_modules=f".*\\.{inside}(\\..*)?")
