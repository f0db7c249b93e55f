"""From a loaded model to the one that is trained."""

import logging
from typing import Any

from swift_lib.core.seeding import seed_everything
from swift_lib.core.view import FlatView
from swift_lib.pipelines.engine import local_model
from swift_lib.trainers.frozen import frozen_digest, weights_digest
from swift_lib.tuner_plugin.calling import changes_base, get_tuner, prepare

logger = logging.getLogger(__name__)


def tune(args: Any, view: FlatView, model: Any, template: Any) -> tuple[Any, dict[str, Any]]:
    """The model to train, new or as an adapter left it, and what training must leave as it is.

    view: what the tuner gets as arguments. Returns sha256 and dtype of the frozen parameters beside the model; where
    the tuner takes something out of the base's weights, also their sha256 as they were loaded.
    """
    quantized = bool(getattr(model, "is_quantized", False))
    for config in (model.config, model.config.get_text_config()):
        config.use_cache = False  # of no use in training, and at odds with gradient checkpointing and packing
    tuner = get_tuner(args.tuner.tuner_type)
    folder = next((local_model(adapter) for adapter in args.model.adapters), None)
    loaded = {"loaded_sha256": weights_digest(model)} if changes_base(tuner, view, folder) else {}
    seed_everything(args.common.seed)  # adapters start alike, however much was drawn while the rows were read
    model = prepare(tuner, view, model, folder)
    trainable = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    total = sum(parameter.numel() for parameter in model.parameters())
    logger.info("training %d of %d parameters (%.2f%%)", trainable, total, 100 * trainable / total)
    dtype = str(template.tokenizer.model_info.torch_dtype).removeprefix("torch.")
    return model, {"sha256": frozen_digest(model), "dtype": dtype, "quantized": quantized, **loaded}
