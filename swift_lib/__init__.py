"""Fine-tuning of language models: a library of registries, one command per stage.

The names below are imported when they are first used; `import swift_lib` loads nothing heavy.
"""

from swift_lib.core.lazy import lazy_names

__version__ = "0.1.0"

PUBLIC_NAMES: dict[str, str] = {
    # what people call
    "preprocess_main": "swift_lib.pipelines.preprocess:preprocess_main",
    "sft_main": "swift_lib.pipelines.sft:sft_main",
    "pretrain_main": "swift_lib.pipelines.pretrain:pretrain_main",
    "pt_main": "swift_lib.pipelines.pretrain:pt_main",
    "infer_main": "swift_lib.pipelines.infer:infer_main",
    "export_main": "swift_lib.pipelines.export:export_main",
    "eval_main": "swift_lib.pipelines.evaluate:eval_main",
    "sampling_main": "swift_lib.pipelines.sample:sampling_main",
    "deploy_main": "swift_lib.pipelines.deploy:deploy_main",
    "run_deploy": "swift_lib.pipelines.deploy:run_deploy",
    "serve_main": "swift_lib.pipelines.serve:serve_main",
    # and with what
    "PreprocessArguments": "swift_lib.arguments:PreprocessArguments",
    "SftArguments": "swift_lib.arguments:SftArguments",
    "TrainArguments": "swift_lib.arguments:TrainArguments",
    "PretrainArguments": "swift_lib.arguments:PretrainArguments",
    "InferArguments": "swift_lib.arguments:InferArguments",
    "ExportArguments": "swift_lib.arguments:ExportArguments",
    "EvalArguments": "swift_lib.arguments:EvalArguments",
    "SamplingArguments": "swift_lib.arguments:SamplingArguments",
    "DeployArguments": "swift_lib.arguments:DeployArguments",
    "ServeArguments": "swift_lib.arguments:ServeArguments",
    # models and templates
    "get_processor": "swift_lib.model.loader:get_processor",
    "get_model_processor": "swift_lib.model.loader:get_model_processor",
    "register_model": "swift_lib.model.mapping:register_model",
    "Model": "swift_lib.model.base:Model",
    "ModelGroup": "swift_lib.model.base:ModelGroup",
    "ModelMeta": "swift_lib.model.base:ModelMeta",
    "get_template": "swift_lib.template.choose:get_template",
    "register_template": "swift_lib.template.mapping:register_template",
    "TemplateMeta": "swift_lib.template.base:TemplateMeta",
    "agent_template_map": "swift_lib.agent_template.mapping:agent_template_map",
    "BaseAgentTemplate": "swift_lib.agent_template.base:BaseAgentTemplate",
    # data, weights of tokens, scores
    "load_dataset": "swift_lib.dataset.loader:load_dataset",
    "register_dataset": "swift_lib.dataset.registry:register_dataset",
    "register_dataset_info": "swift_lib.dataset.registry:register_dataset_info",
    "DatasetMeta": "swift_lib.dataset.registry:DatasetMeta",
    "SubsetDataset": "swift_lib.dataset.registry:SubsetDataset",
    "DATASET_MAPPING": "swift_lib.dataset.registry:DATASET_MAPPING",
    "get_loss_scale": "swift_lib.loss_scale.mapping:get_loss_scale",
    "loss_scale_map": "swift_lib.loss_scale.mapping:loss_scale_map",
    "LossScale": "swift_lib.loss_scale.base:LossScale",
    "ConfigLossScale": "swift_lib.loss_scale.json_config:ConfigLossScale",
    "ALL_BASE_STRATEGY": "swift_lib.loss_scale.base:ALL_BASE_STRATEGY",
    "eval_metrics_map": "swift_lib.metrics.mapping:eval_metrics_map",
    "EvalMetrics": "swift_lib.metrics.base:EvalMetrics",
    "InferStats": "swift_lib.metrics.utils:InferStats",
    "MeanMetric": "swift_lib.metrics.running:MeanMetric",
    "orms": "swift_lib.rewards.mapping:orms",
    "ORM": "swift_lib.rewards.base:ORM",
    "loss_map": "swift_lib.loss.mapping:loss_map",
    "BaseLoss": "swift_lib.loss.base:BaseLoss",
    "register_loss_func": "swift_lib.loss.base:register_loss_func",
    # training
    "Tuner": "swift_lib.tuner_plugin.base:Tuner",
    "tuners_map": "swift_lib.tuner_plugin.mapping:tuners_map",
    "callbacks_map": "swift_lib.callbacks.mapping:callbacks_map",
    "optimizers_map": "swift_lib.optimizers.mapping:optimizers_map",
    # inference
    "InferRequest": "swift_lib.core.types:InferRequest",
    "RequestConfig": "swift_lib.core.types:RequestConfig",
    "AdapterRequest": "swift_lib.core.types:AdapterRequest",
    "InferEngine": "swift_lib.infer_engine.base:InferEngine",
    "TransformersEngine": "swift_lib.infer_engine.transformers_engine:TransformersEngine",
    "InferClient": "swift_lib.infer_engine.client:InferClient",
}

__getattr__, __dir__ = lazy_names(__name__, PUBLIC_NAMES)
