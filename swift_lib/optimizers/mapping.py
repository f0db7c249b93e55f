"""The names that --optimizer takes."""

from typing import Any

from swift_lib.core.registry import Registry

# An entry is an OptimizerCallback class or, as in the 3.0 documents, a function of (args, model, dataset).
optimizers_map: Registry[Any] = Registry(
    "optimizer",
    contract="swift_lib.optimizers.base:check_optimizer",
    table={
        "default": "swift_lib.optimizers.base:OptimizerCallback",
        "galore": "swift_lib.optimizers.galore:GaloreOptimizerCallback",
        "lorap": "swift_lib.optimizers.lorap:LorapOptimizerCallback",
        "muon": "swift_lib.optimizers.muon:MuonOptimizerCallback",
        "muonclip": "swift_lib.optimizers.muonclip:MuonClipOptimizerCallback",
        "multimodal": "swift_lib.optimizers.multimodal:MultimodalOptimizerCallback",
    },
    extra="train",
)
