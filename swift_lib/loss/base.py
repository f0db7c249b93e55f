"""What a loss is, how a name becomes one, and for which tasks it may be named. Loads no torch."""

import inspect
import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from swift_lib.core.errors import ContractError
from swift_lib.loss.mapping import PLUGIN_TASKS, TASKS, loss_map
from swift_lib.loss.matryoshka import matryoshka, matryoshka_dims

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

Loss = Callable[..., "torch.Tensor"]
"""(outputs, labels, *, num_items_in_batch=None, loss_scale=None) -> scalar; labels, loss_scale (batch, length)."""

_FUNCTION_FORM = "(outputs, labels, loss_scale=None, num_items_in_batch=None) -> scalar tensor"


class BaseLoss:
    """A loss in the form of the 4.0 documents: a subclass defines `__call__` and is registered in `loss_map`.

    args: the flat, read-only arguments; trainer: the one that trains.
    """

    def __init__(self, args: Any, trainer: Any) -> None:
        self.args, self.trainer = args, trainer

    def __call__(self, outputs: Any, labels: "torch.Tensor", **kwargs: Any) -> "torch.Tensor":
        """The loss of a batch, a scalar that nothing is done to afterwards.

        outputs: what the model gives, `outputs.logits` (batch, length, vocabulary), of rerankers (documents, 1); of
        embeddings `outputs["last_hidden_state"]`, (texts, width), of length 1. labels: (batch, length), not shifted,
        -100 where nothing is trained; of other tasks one for each document. Keywords, passed where the signature
        takes them: num_items_in_batch, the trained tokens of the accumulation window; loss_scale, flat and shifted
        like `per_token_loss_func(outputs, labels)`, or None where no token has a weight of its own.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no __call__")


def register_loss_func(loss_type: str, loss_func: Any = None) -> Any:
    """Register a loss as the 3.0 documents do, as a call or as a decorator; gives it back unchanged."""
    return loss_map.register(loss_type, loss_func)


def get_loss_func(loss_type: str) -> Any:
    """The registered function or class. Raises UnknownName."""
    return loss_map[loss_type]


def check_loss(name: str, entry: Any) -> None:
    """The registry's contract: a subclass of BaseLoss with a `__call__`, or a function of outputs and labels."""
    if inspect.isclass(entry):
        if not issubclass(entry, BaseLoss):
            raise ContractError(
                f"loss {name!r} is the class {entry.__qualname__}, which is no BaseLoss",
                fix=f"derive it from swift_lib.loss.BaseLoss, or register a function {_FUNCTION_FORM}",
            )
        if entry.__call__ is BaseLoss.__call__:
            raise ContractError(
                f"loss {name!r}: {entry.__qualname__} defines no __call__",
                fix="define __call__(self, outputs, labels, **kwargs) and return a scalar tensor",
            )
        return
    if isinstance(entry, BaseLoss) or not callable(entry):
        raise ContractError(
            f"loss {name!r} is {_told(entry)}",
            fix=f"register the class itself, derived from swift_lib.loss.BaseLoss, or a function {_FUNCTION_FORM}",
        )
    try:
        inspect.signature(entry).bind("outputs", "labels", **dict.fromkeys(_keywords(entry)))
    except TypeError as error:
        raise ContractError(
            f"loss {name!r} cannot be called with outputs and labels: {error}", fix=f"write it as {_FUNCTION_FORM}"
        ) from error


def logits_of(outputs: Any) -> Any:
    """The logits of a model's outputs, a dict or an object."""
    return outputs["logits"] if isinstance(outputs, dict) else outputs.logits


def make_loss(name: str, args: Any, trainer: Any) -> Loss:
    """The registered loss as a trainer calls it.

    A class is constructed, and gets loss_scale flat and shifted; a function of the 3.0 documents gets it as it is.
    Both get the keywords that their signature has. With `args.mrl_dims` it is a sum over leading parts of the
    embeddings. The loss raises ContractError where the registered one gives anything but a scalar tensor.
    """
    entry = loss_map[name]
    is_class = inspect.isclass(entry)
    function: Callable[..., Any] = entry(args, trainer) if is_class else entry
    who = entry.__qualname__ if is_class else getattr(entry, "__name__", type(entry).__name__)
    takes = _keywords(function)

    def call(outputs: Any, labels: Any, *, num_items_in_batch: Any = None, loss_scale: Any = None) -> Any:
        if is_class and loss_scale is not None:
            loss_scale = _flat_and_shifted(loss_scale)
        given = {"num_items_in_batch": num_items_in_batch, "loss_scale": loss_scale}
        value = function(outputs, labels, **{key: given[key] for key in takes})
        # A tensor is told by what backward needs, so that this module loads no torch.
        if getattr(value, "ndim", None) != 0 or not hasattr(value, "backward"):
            raise ContractError(
                f"loss {name!r}: {who} returned {_told(value)}",
                fix="return a scalar tensor, such as token_loss.sum() / num_items_in_batch",
            )
        return value

    dims = matryoshka_dims(getattr(args, "mrl_dims", None))
    return matryoshka(call, dims) if dims else call


def _keywords(function: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(function).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    return [key for key in ("num_items_in_batch", "loss_scale") if takes_any or key in parameters]


def _flat_and_shifted(loss_scale: Any) -> Any:
    """(batch, length) weights of labels to (batch * length) weights of the positions that predict them."""
    shifted = loss_scale.roll(-1, -1)
    shifted[..., -1] = 0
    return shifted.reshape(-1)


def _told(value: Any) -> str:
    if hasattr(value, "backward"):
        return f"a tensor of shape {tuple(value.shape)}"
    return "None" if value is None else f"an object of type {type(value).__name__}"


def loss_problems(loss_type: str | None, task: str) -> Iterator[str]:
    """What is wrong with a loss for a task ("causal_lm", "embedding", "dpo" ...), known before anything is loaded.

    A plugin's loss trains tokens, embeddings and rerankers; of the built-in ones each is for its own tasks. Embeddings
    and rerankers have no loss by default.
    """
    fitting = [name for name, tasks in TASKS.items() if task in tasks]
    if loss_type is None:
        if fitting and task not in TASKS["cross_entropy"]:
            yield f"--loss_type: {task} has no loss by default; give {', '.join(fitting)}, or one of a plugin"
    elif not loss_map.is_builtin(loss_type):
        if task not in PLUGIN_TASKS:
            yield (
                f"--loss_type: {loss_type!r} is a plugin's ({loss_map.origin(loss_type)}), and those are for "
                f"{', '.join(PLUGIN_TASKS)}, not for {task}; leave it out"
            )
    elif task not in TASKS[loss_type]:
        instead = f"give {' or '.join(fitting)}" if fitting else "leave it out"
        yield f"--loss_type: {loss_type!r} is for {' and '.join(TASKS[loss_type])}, not for {task}; {instead}"


def tell_unused_losses(loss_type: str | None) -> None:
    """One logged line for plugins' losses where none is named: the documents call them used by themselves."""
    found = [name for name in loss_map if not loss_map.is_builtin(name)] if loss_type is None else []
    if found:
        flags = " or ".join(f"--loss_type {name}" for name in found)
        logger.info("the loss of %s is not used: give %s", loss_map.origin(found[0]), flags)
