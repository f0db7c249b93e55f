"""Mistral."""

from datetime import date

from swift_lib.template.base import TemplateMeta


def _v3(template_type: str, instruct: str) -> TemplateMeta:
    return TemplateMeta(
        template_type,
        prefix=[f"<s>{instruct}"],
        prompt=["{{SYSTEM}}\n\n", "{{QUERY}}[/INST]"],
        chat_sep=[f"</s>{instruct}"],
        suffix=["</s>"],
    )


MISTRAL_V3 = _v3("mistral_v3", "[INST] ")
MISTRAL_NEMO = _v3("mistral_nemo", "[INST]")  # the same with the Tekken tokenizer, without a blank

# Mistral Small 3's published system prompt.
_MISTRAL_2501_SYSTEM = (
    "You are Mistral Small 3, a Large Language Model (LLM) created by Mistral AI, a French startup headquartered in "
    "Paris.\nYour knowledge base was last updated on 2023-10-01. "
    f"The current date is {date.today():%Y-%m-%d}.\n\n"
    "When you're not sure about some information, you say that you don't have the information and don't make up "
    "anything.\nIf the user's question is not clear, ambiguous, or does not provide enough context for you to "
    "accurately answer the question, you do not try to answer it right away and you rather ask the user to clarify "
    'their request (e.g. "What are some good restaurants around me?" => "Where are you?" or "When is the next flight '
    'to Tokyo" => "Where do you travel from?")'
)

MISTRAL_2501 = TemplateMeta(
    "mistral_2501",
    prefix=["<s>"],
    prompt=["[INST]{{QUERY}}[/INST]"],
    chat_sep=["</s>"],
    suffix=["</s>"],
    system_prefix=["<s>[SYSTEM_PROMPT]{{SYSTEM}}[/SYSTEM_PROMPT]"],
    default_system=_MISTRAL_2501_SYSTEM,
)
