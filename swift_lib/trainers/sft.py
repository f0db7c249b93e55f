"""Supervised training of a causal language model on the token dataset."""

import json
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from torch.nn.functional import pad

from swift_lib.core.files import write_atomic
from swift_lib.dataset.artifact_format import IGNORE as IGNORED
from swift_lib.loss.causal_lm import CustomCrossEntropyLoss, with_router_loss
from swift_lib.loss.mapping import loss_map
from swift_lib.metrics.acc import AccMetrics
from swift_lib.metrics.mapping import eval_metrics_map
from swift_lib.trainers.base import BaseTrainer
from swift_lib.trainers.fused import FusedLoss
from swift_lib.trainers.generating import Generated, Generator, prediction
from swift_lib.trainers.token_figures import TokenFigures, ask_for_router_loss, from_logits

PREDICTIONS = "predict.jsonl"


class SftTrainer(BaseTrainer):
    """Next-token prediction. Batches may be padded rows or packs: what counts are their labels.

    A batch holds the model's inputs, labels (batch, length) and, where the data has weights, loss_scale. With
    `generator` the validation rows' prompts are answered as well at each evaluation, and the metric is of the replies.
    """

    default_loss = "cross_entropy"

    def __init__(self, *, generator: Generator | None = None, **kwargs: Any) -> None:
        self._generator = generator
        super().__init__(**kwargs)
        name = self.extensions.loss or self.default_loss
        # A plugin may have taken the name; it gets the logits.
        built_in = name == self.default_loss and loss_map[name] is CustomCrossEntropyLoss
        view = self.plugin_args
        accuracy = self.extensions.metric == "acc" and eval_metrics_map["acc"] is AccMetrics and generator is None
        if accuracy:  # counted batch by batch, so that no predictions are kept
            self.compute_metrics = None  # type: ignore[assignment]
            self.preprocess_logits_for_metrics = None
        of_rows = accuracy and getattr(view, "acc_strategy", "token") == "seq"
        self._train_figures = TokenFigures(self.train_means, view)
        self._eval_figures = TokenFigures(self.eval_means, view, rows=of_rows)
        self._router_coefficient = float(getattr(view, "router_aux_loss_coef", 0.0))
        if self._router_coefficient:
            ask_for_router_loss(self.accelerator.unwrap_model(self.model))
        self._fused = (
            FusedLoss(
                dft=bool(getattr(view, "enable_dft_loss", False)),
                keep_logits=getattr(view, "use_logits_to_keep", None) is False,
            )
            if built_in
            else None
        )

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | float | None = None,
    ) -> Any:
        """Mean loss of the trained tokens of the accumulation window, in nats."""
        batch = inputs
        # Lists are what rows carry beside tensors, such as their channels: nothing that a model takes.
        inputs = {name: value for name, value in inputs.items() if isinstance(value, torch.Tensor)}
        if self.sequence is not None:
            inputs = self.sequence.split(inputs)
        labels, loss_scale = inputs.pop("labels"), inputs.pop("loss_scale", None)
        count = (labels[:, 1:] != IGNORED).sum()
        if not model.training:
            num_items_in_batch = count.clamp(min=1)  # the batch's own mean, which `evaluation_loop` weighs
        means = self.train_means if model.training else self.eval_means
        figures = self._train_figures if model.training else self._eval_figures
        has_no_use = model.training or self.compute_metrics is None or self._generator
        if self._fused is not None and has_no_use and not figures.wants_logits:
            found = self._fused(
                model,
                inputs,
                labels,
                loss_scale=loss_scale,
                num_items_in_batch=num_items_in_batch,
                want_accuracy=True,
                want_each=figures.wants_each,
            )
        else:
            outputs = model(**inputs)
            assert self.loss is not None
            if self.sequence is not None:
                outputs.logits = pad(outputs.logits, (0, 0, 0, 1))  # labels are one longer
            loss = self.loss(outputs, labels, num_items_in_batch=num_items_in_batch, loss_scale=loss_scale)
            found = from_logits(outputs, labels, loss, want_each=figures.wants_each)
        figures.add(found, batch, count)
        loss, outputs = found.loss, found.outputs
        if self._router_coefficient and model.training:
            means.add("aux_loss", outputs.aux_loss, 1)
            share = 1.0 if num_items_in_batch is None else count / num_items_in_batch
            loss = with_router_loss(loss, outputs, self._router_coefficient * share)
        if not model.training:
            means.add("loss", torch.where(count > 0, loss * count, 0.0), count)
        elif num_items_in_batch is not None:
            loss = self.for_all_processes(loss)
        return (loss, outputs) if return_outputs else loss

    def evaluation_loop(
        self,
        dataloader: Any,
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> Any:
        """Losses, and where there is a generator the metric of its replies, which go to predict.jsonl."""
        only_loss = True if self._generator else prediction_loss_only
        self._eval_figures.take()
        output = super().evaluation_loop(dataloader, description, only_loss, ignore_keys, metric_key_prefix)
        output.metrics.update({f"{metric_key_prefix}_{key}": value for key, value in self._eval_figures.take().items()})
        if self._generator:
            generated = self._generate(self._generator, dataloader.dataset.rows)
            if self.compute_metrics is not None:
                found = self.compute_metrics(prediction(generated))
                output.metrics.update({f"{metric_key_prefix}_{name}": float(value) for name, value in found.items()})
            self._write(generated)
        return output

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Add the figures of the tokens since the last time, log."""
        if "loss" in logs:
            logs.update(self._train_figures.take())
        super().log(logs, *args, **kwargs)

    def _generate(self, generator: Generator, rows: Any) -> list[Generated]:
        """Each process answers its share; every process gets all replies, in the order of the rows."""

        def after_batch() -> None:
            self.control = self.callback_handler.on_prediction_step(self.args, self.state, self.control)

        model = self.accelerator.unwrap_model(self.model)
        share = range(self.args.process_index, len(rows), self.args.world_size)
        own = list(generator.replies(model, [rows[at] for at in share], after_batch))
        found = gather_object(own) if self.args.world_size > 1 else own
        return sorted(found, key=lambda one: one.row_id)

    def _write(self, generated: list[Generated]) -> None:
        if not self.is_world_process_zero():
            return
        decode = self.template.tokenizer.decode
        lines = [
            json.dumps(
                {
                    "row_id": one.row_id, "step": self.state.global_step, "prompt": decode(one.prompt),
                    "response": decode(one.reply), "labels": decode(one.reference),
                },
                ensure_ascii=False,
            ) + "\n"
            for one in generated
        ]  # fmt: skip
        write_atomic(Path(str(self.args.output_dir)) / PREDICTIONS, "".join(lines).encode())
