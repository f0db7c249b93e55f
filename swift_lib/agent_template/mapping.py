"""Names of the agent formats. A template names its own; `--agent_template` overrides it."""

from swift_lib.agent_template.base import BaseAgentTemplate
from swift_lib.core.registry import Registry

agent_template_map: Registry[type[BaseAgentTemplate]] = Registry("agent template", contract=BaseAgentTemplate, table={})
