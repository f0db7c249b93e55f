# Pluginization, section on loss (in English and Chinese the same block), with a line that computes `loss`: twice the
# cross entropy. See NOTICE.
# ruff: noqa
# fmt: off
import torch
from torch.nn.functional import cross_entropy

from swift_lib.plugin.loss import register_loss_func


@register_loss_func("custom_loss")
def loss_scale_func(outputs, labels, loss_scale=None, num_items_in_batch=None) -> torch.Tensor:
    # Write your own loss calculating here
    loss = 2 * cross_entropy(outputs.logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), reduction='sum') / num_items_in_batch
    return loss
