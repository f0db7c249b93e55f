"""How tools, tool calls and tool results are written for a model family: `--agent_template`."""

from swift_lib.agent_template.base import BaseAgentTemplate
from swift_lib.agent_template.mapping import agent_template_map

__all__ = ["BaseAgentTemplate", "agent_template_map"]
