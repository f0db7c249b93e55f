# Pluginization, the section on optimizers: the block, whose four names are defined here. It hands its scheduler `...`: the
# optimizer that was made last is meant. See NOTICE.
# ruff: noqa
# fmt: off
import torch


class CustomOptimizer(torch.optim.SGD):
    made = []

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        CustomOptimizer.made.append(self)


class CustomScheduler(torch.optim.lr_scheduler.LinearLR):

    def __init__(self, optimizer):
        super().__init__(CustomOptimizer.made[-1] if optimizer is ... else optimizer, start_factor=1.0, end_factor=0.5)


def create_custom_optimizers(args, model, dataset):
    # 创建自己的optimizer
    optimizer_grouped_parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer_kwargs = {'lr': args.learning_rate, 'momentum': 0.9}
    return CustomOptimizer(optimizer_grouped_parameters, **optimizer_kwargs), CustomScheduler(...)

optimizers_map = {
    'custom': create_custom_optimizers,
}
