# Pluginization, section on metrics (in English and Chinese the same block), with the two functions that it names: the
# share of rows whose first trained token is right. See NOTICE.
# ruff: noqa
# fmt: off
from swift_lib.plugin.metric import compute_acc_metrics, compute_nlg_metrics, preprocess_logits_for_acc


def custom_metric(prediction):
    predictions, labels = prediction.predictions[:, :-1], prediction.label_ids[:, 1:]
    first = (labels != -100).argmax(1)
    rows = range(len(labels))
    return {'first_token': (predictions[rows, first] == labels[rows, first]).mean()}


def custom_preprocess(logits, labels):
    return logits.argmax(-1)


METRIC_MAPPING = {
    'acc': (compute_acc_metrics, preprocess_logits_for_acc),
    'nlg': (compute_nlg_metrics, None),
    'custom': (custom_metric, custom_preprocess),
}


def get_metric(metric: str):
    return METRIC_MAPPING[metric]
