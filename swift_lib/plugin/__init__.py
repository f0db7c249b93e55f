"""The import path of the 3.x documents (`swift.plugin`): the same objects, nothing of its own."""

from swift_lib.core.lazy import lazy_names
from swift_lib.plugin import agent_template, callback, loss, loss_scale, metric, optimizer, orm, tuner

NAMES = {
    **agent_template.NAMES,
    **callback.NAMES,
    **loss.NAMES,
    **loss_scale.NAMES,
    **metric.NAMES,
    **optimizer.NAMES,
    **orm.NAMES,
    **tuner.NAMES,
}

__getattr__, __dir__ = lazy_names(__name__, NAMES)
