"""GaLore: Adam on gradients that are projected to a low rank, so that its moments are small."""

from typing import Any

import torch

from swift_lib.core.errors import ArgumentError, TrainingError
from swift_lib.optimizers.base import OptimizerCallback, require_whole_matrices

_SIDES = ("left", "right")


class Galore(torch.optim.Optimizer):
    """AdamW whose groups with a `rank` follow GaLore (Zhao et al. 2024, arXiv:2403.03507, algorithm 2).

    For a weight W (m, n) with gradient G, every `update_proj_gap` steps: P = the first `rank` singular vectors of G, of
    the side that `proj_type` says. Then R = P^T G (r, n) or G P (m, r), Adam's moments and step N in R's shape, and
    W -= lr * scale * (P N or N P^T). `std` projects the shorter side, `reverse_std` the longer, `left` and `right` the
    rows and the columns, `full` both. Weight decay is AdamW's. A group without a rank is AdamW's own.

    per_parameter: each parameter is updated as soon as the backward pass has its gradient, which is then dropped.
    """

    def __init__(
        self,
        groups: list[dict[str, Any]],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        *,
        per_parameter: bool = False,
    ) -> None:
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": 0.0,
            "rank": None, "update_proj_gap": 50, "scale": 1.0, "proj_type": "std",
        }  # fmt: skip
        super().__init__(groups, defaults)
        # By number: loading a checkpoint makes new group dicts.
        self._group_of = {p: number for number, group in enumerate(self.param_groups) for p in group["params"]}
        if per_parameter:
            for parameter in self._group_of:
                parameter.register_post_accumulate_grad_hook(self._update_at_once)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step of every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)
        return loss

    @torch.no_grad()
    def _update_at_once(self, parameter: torch.Tensor) -> None:
        self._update(parameter, self.param_groups[self._group_of[parameter]])
        parameter.grad = None

    def _update(self, parameter: torch.Tensor, group: dict[str, Any]) -> None:
        state, gradient = self.state[parameter], parameter.grad
        assert gradient is not None
        step = state.get("step", 0)
        if group["rank"] is not None:
            if step % group["update_proj_gap"] == 0:
                state.update(_projection(gradient, group["rank"], group["proj_type"]))
            gradient = _project(gradient, state)
        if not step:
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(gradient), torch.zeros_like(gradient)
        state["step"] = step = step + 1
        first, second = group["betas"]
        state["exp_avg"].lerp_(gradient, 1 - first)
        state["exp_avg_sq"].mul_(second).addcmul_(gradient, gradient, value=1 - second)
        root = (state["exp_avg_sq"] / (1 - second**step)).sqrt_().add_(group["eps"])
        change = (state["exp_avg"] / (1 - first**step)).div_(root)
        if group["rank"] is not None:
            change = _back(change, state).mul_(group["scale"])
        parameter.mul_(1 - group["lr"] * group["weight_decay"]).add_(change, alpha=-group["lr"])


def _projection(gradient: torch.Tensor, rank: int, kind: str) -> dict[str, torch.Tensor]:
    """`left` (m, r) and `right` (r, n) singular vectors, as far as the kind projects that side."""
    rows, columns = gradient.shape
    if kind in ("std", "reverse_std"):
        kind = "right" if (rows >= columns) == (kind == "std") else "left"
    try:
        left, _, right = torch.linalg.svd(gradient.float(), full_matrices=False)
    except torch.linalg.LinAlgError as error:
        raise TrainingError(
            f"GaLore cannot project a gradient of {rows} x {columns}: {error}",
            fix="look for NaN or infinite gradients: lower --learning_rate, or raise --warmup_ratio",
        ) from error
    found = {"left": left[:, :rank], "right": right[:rank]}
    return {
        side: found[side].to(gradient.dtype).contiguous() for side in _SIDES if kind in (side, "full")
    }  # contiguous: a slice would keep the whole matrix of vectors


def _project(gradient: torch.Tensor, state: dict[str, Any]) -> torch.Tensor:
    """(m, n) to (r, n), (m, r) or (r, r)."""
    if "left" in state:
        gradient = state["left"].T @ gradient
    return gradient @ state["right"].T if "right" in state else gradient


def _back(change: torch.Tensor, state: dict[str, Any]) -> torch.Tensor:
    """To (m, n) again."""
    if "left" in state:
        change = state["left"] @ change
    return change @ state["right"] if "right" in state else change


class GaloreOptimizerCallback(OptimizerCallback):
    """GaLore for the linear layers but the head (or `galore_target_modules`), AdamW for the rest."""

    def __init__(self, args: Any, trainer: Any) -> None:
        super().__init__(args, trainer)
        require_whole_matrices("galore", trainer)
        problems = []
        if args.tuner_type != "full":
            problems.append(f"--optimizer: galore projects whole weights; use --tuner_type full, not {args.tuner_type}")
        if args.galore_optim_per_parameter:
            problems += _cannot_update_at_once(trainer.args)
        if problems:
            raise ArgumentError(problems)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Groups: projected, not projected with decay, and without."""
        model, args, used = self.trainer.model if model is None else model, self.args, self.trainer.args
        projected = self.projected(model)
        decaying = set(self.trainer.get_decay_parameter_names(model))
        groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                groups.setdefault((parameter in projected, name in decaying), []).append(parameter)
        options = {
            "rank": args.galore_rank,
            "update_proj_gap": args.galore_update_proj_gap,
            "scale": args.galore_scale,
            "proj_type": args.galore_proj_type,
        }
        return Galore(
            [
                {
                    "params": groups[place],
                    "weight_decay": used.weight_decay if place[1] else 0.0,
                    **(options if place[0] else {}),
                }
                for place in sorted(groups, reverse=True)
            ],
            used.learning_rate,
            (used.adam_beta1, used.adam_beta2),
            used.adam_epsilon,
            per_parameter=args.galore_optim_per_parameter,
        )

    def projected(self, model: Any) -> set[torch.nn.Parameter]:
        """The weights whose gradients are projected. Raises ArgumentError for names of modules that there are not."""
        wanted = self.args.galore_target_modules
        head = model.get_output_embeddings()
        linear = {n: m for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and m is not head}
        unknown = [end for end in wanted if not any(f".{name}".endswith(f".{end}") for name in linear)]
        if unknown:
            ends = sorted({name.rpartition(".")[2] for name in linear})
            raise ArgumentError(
                [f"--galore_target_modules: no linear layer's name ends with {end!r}; they end with {', '.join(ends)}"
                 for end in unknown]
            )  # fmt: skip
        modules = [m for n, m in linear.items() if not wanted or any(f".{n}".endswith(f".{end}") for end in wanted)]
        if self.args.galore_with_embedding:
            modules += [module for module in model.modules() if isinstance(module, torch.nn.Embedding)]
        found = {module.weight for module in modules if module.weight.requires_grad}
        if not found:
            raise ArgumentError(["--galore_target_modules: none of these modules is trained"])
        return found


def _cannot_update_at_once(used: Any) -> list[str]:
    """Why gradients have to outlive the backward pass."""
    flag = "--galore_optim_per_parameter"
    problems = []
    if used.gradient_accumulation_steps != 1:
        problems.append(f"{flag}: keeps no gradients to add to; give --gradient_accumulation_steps 1")
    if used.max_grad_norm:
        problems.append(f"{flag}: keeps no gradients to clip; give --max_grad_norm 0")
    if used.world_size > 1:
        problems.append(f"{flag}: updates before the processes have shared their gradients; use one process")
    if used.fp16:
        problems.append(f"{flag}: float16 scales gradients until the step; use --bf16 true")
    return problems
