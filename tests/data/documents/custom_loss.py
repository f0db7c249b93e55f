# Architecture Introduction, section "Loss": its block, with a body after the reference that the page names: the cross
# entropy of tokens, here with more weight on improbable ones (focal loss). See NOTICE.
# ruff: noqa
# fmt: off
import torch

from swift_lib.loss import BaseLoss, loss_map
from swift_lib.trainers import per_token_loss_func


class CustomLoss(BaseLoss):

    def __call__(self, outputs, labels, **kwargs) -> torch.Tensor:
        token_loss = per_token_loss_func(outputs, labels)
        token_loss = (1 - torch.exp(-token_loss)) ** 2 * token_loss
        if kwargs['loss_scale'] is not None:
            token_loss = token_loss * kwargs['loss_scale']
        return token_loss.sum() / kwargs['num_items_in_batch']


loss_map['custom_loss_class'] = CustomLoss
