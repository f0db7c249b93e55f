# Architecture Introduction, section "Metrics", which says in words what a class needs: the share of trained tokens among
# the model's five likeliest. See NOTICE.
# ruff: noqa
# fmt: off
from swift_lib.metrics import EvalMetrics, eval_metrics_map


class CustomMetrics(EvalMetrics):

    def compute_metrics(self, eval_prediction):
        labels = eval_prediction.label_ids[:, 1:]
        among = (eval_prediction.predictions[:, :-1] == labels[..., None]).any(-1)
        return {'top_5': among[labels != -100].mean()}

    def preprocess_logits_for_metrics(self, logits, labels):
        return logits.topk(5).indices


eval_metrics_map['custom_class'] = CustomMetrics
