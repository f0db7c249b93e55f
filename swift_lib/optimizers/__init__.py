"""Optimizers by name, and the base of a plugin's."""

from swift_lib.core.lazy import lazy_names
from swift_lib.optimizers.mapping import optimizers_map

NAMES = {
    "GaloreOptimizerCallback": "swift_lib.optimizers.galore:GaloreOptimizerCallback",
    "LorapOptimizerCallback": "swift_lib.optimizers.lorap:LorapOptimizerCallback",
    "MultimodalOptimizerCallback": "swift_lib.optimizers.multimodal:MultimodalOptimizerCallback",
    "MuonClipOptimizerCallback": "swift_lib.optimizers.muonclip:MuonClipOptimizerCallback",
    "MuonOptimizerCallback": "swift_lib.optimizers.muon:MuonOptimizerCallback",
    "OptimizerCallback": "swift_lib.optimizers.base:OptimizerCallback",
    "make_optimizer": "swift_lib.optimizers.base:make_optimizer",
}

__all__ = ["optimizers_map", *NAMES]

__getattr__, __dir__ = lazy_names(__name__, NAMES)
