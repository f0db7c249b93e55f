"""The import path of the 3.x documents (`swift.plugin.agent_template`): the same objects, nothing of its own."""

from swift_lib.core.lazy import lazy_names

NAMES = {
    "BaseAgentTemplate": "swift_lib.agent_template.base:BaseAgentTemplate",
    "agent_template_map": "swift_lib.agent_template.mapping:agent_template_map",
    "agent_templates": "swift_lib.agent_template.mapping:agent_template_map",
}

__getattr__, __dir__ = lazy_names(__name__, NAMES)
