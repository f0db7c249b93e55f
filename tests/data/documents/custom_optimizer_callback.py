# Architecture Introduction, section "Optimizers": a class derived from OptimizerCallback that overrides create_optimizer,
# without the parameter that the base has. The page has no block. See NOTICE.
# ruff: noqa
# fmt: off
import torch

from swift_lib.optimizers import OptimizerCallback, optimizers_map


class CustomOptimizerCallback(OptimizerCallback):

    def create_optimizer(self):
        groups = {}
        for name, parameter in self.trainer.model.named_parameters():
            if parameter.requires_grad:
                groups.setdefault('embed_tokens' in name, []).append(parameter)
        return torch.optim.SGD([{
            'params': parameters,
            'lr': self.args.learning_rate * (0.1 if is_embedding else 1.0)
        } for is_embedding, parameters in groups.items()])


optimizers_map['by_layer'] = CustomOptimizerCallback
