"""What a model family may change about its template; the defaults are those of a model that reads text only."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch

from swift_lib.dataset.encoded import MediaItem
from swift_lib.template.collate import concatenated
from swift_lib.template.inputs import MEDIA, Piece, TemplateInputs
from swift_lib.template.mask import extend_tokens
from swift_lib.template.media import load_image
from swift_lib.template.tags import add_missing_tags
from swift_lib.template.thinking import answer_of


class TemplateHooks:
    """Class attributes and methods that subclasses of `Template` override, beside `_encode` and `_data_collator`.

    media_kinds: what it reads of image, video, audio; rows with others are refused.
    image_placeholder, video_placeholder, audio_placeholder: pieces that stand for one of them in the prompt.
    placeholder_tokens: tokens (names or ids) that truncation leaves in place.
    load_images: images are decoded before `replace_tag` is asked.
    keep_pixels: encoded rows hold what their media become; a token dataset holds references instead.
    skip_prompt: generated ids begin with the reply (False: with the prompt).
    use_model: `_post_encode` needs the model's weights.
    support_padding_free: whether rows may be joined into one; None: yes where the row has no media.
    jinja_enable_thinking_key: how the tokenizer's own template calls enable_thinking.
    non_thinking_prefix_only_after_user: replies after tool results get no empty thinking block.
    max_positive_samples, max_negative_samples: of a reranker's row, documents in a batch: positives, and negatives for
        each of them.
    step_mark: what ends each step of a reply, where steps are judged.
    reply_tokens: control tokens that replies are made of, beside those that the template's data names.
    """

    processor: Any
    max_pixels: int | None
    media_kinds: ClassVar[Sequence[str]] = ()
    image_placeholder: Sequence[Piece] = ("<image>",)
    video_placeholder: Sequence[Piece] = ("<video>",)
    audio_placeholder: Sequence[Piece] = ("<audio>",)
    placeholder_tokens: Sequence[str | int] = ()
    load_images = True
    keep_pixels = True
    skip_prompt = True
    use_model = False
    norm_bbox = "norm1000"
    support_padding_free: bool | None = None
    jinja_enable_thinking_key = "enable_thinking"
    non_thinking_prefix_only_after_user = False
    is_encoder_decoder = False
    step_mark = "\n\n"
    max_positive_samples = 1
    max_negative_samples = 7
    reply_tokens: ClassVar[Sequence[str]] = ()

    # Conversations

    @property
    def kinds_read(self) -> Sequence[str]:
        """The kinds of media that rows may have: media_kinds; for a multimodal model, a user's class reads any."""
        is_users = not type(self).__module__.startswith("swift_lib.")
        info = getattr(self.processor, "model_info", None)
        return self.media_kinds or (tuple(MEDIA) if is_users and getattr(info, "is_multimodal", False) else ())

    def _prepare_media(self, inputs: TemplateInputs) -> None:
        """Complete the tags of a conversation's media and load its images, in place; its messages are rounds by now."""
        add_missing_tags(inputs)
        if self.load_images:
            inputs.images = [load_image(image, self.max_pixels) for image in inputs.images]

    def _read_options(self, inputs: TemplateInputs) -> None:
        """Complete a row's chat_template_kwargs, system and texts, in place; thinking and tools are written next."""

    def _earlier_answer(self, reply: str) -> str:
        """What remains of a reply of an earlier round when its thinking is removed."""
        return answer_of(reply)

    def _adapt(self, inputs: TemplateInputs) -> None:
        """Change the conversation as the family wants it, in place; tools are in its system text by now."""

    def _end_prompt(self, text: str, reply: str | None) -> str:
        """The last text before a reply; None: before the one to be generated."""
        return text

    # Media

    def replace_tag(self, media_type: str, index: int, inputs: TemplateInputs) -> list[Piece]:
        """What stands for image, video or audio (`media_type`) number `index` of a conversation."""
        return list(getattr(self, f"{media_type}_placeholder"))

    def replace_ref(self, ref: str, index: int, inputs: TemplateInputs) -> list[Piece]:
        """What stands for the name of an object."""
        return [ref]

    def replace_bbox(self, bbox: Sequence[int], index: int, inputs: TemplateInputs) -> list[Piece]:
        """What stands for a box (x1, y1, x2, y2) or a point (x, y), already normalised."""
        points = [f"({bbox[i]},{bbox[i + 1]})" for i in range(0, len(bbox), 2)]
        return [f"[{','.join(points)}]"]

    def media_items(self, inputs: TemplateInputs, encoded: Mapping[str, Any]) -> Sequence[MediaItem]:
        """The media of an encoded conversation by reference, in the order of their tokens."""
        return ()

    def _extend_tokens(
        self,
        input_ids: list[int],
        labels: list[int] | None,
        loss_scale: list[float] | None,
        positions: Sequence[int],
        get_new_tokens: Callable[[int], list[int]],
    ) -> tuple[list[int], list[int] | None, list[float] | None]:
        """Replace the token at each of `positions` (ascending) by `get_new_tokens(number)`; these are not trained."""
        return extend_tokens(input_ids, labels, loss_scale, positions, get_new_tokens)

    # Batches

    def _data_collator_mm_data(self, batch: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """What a batch holds beside tokens: the rows' tensors (pixel values and the like), one after the other."""
        rows = [{key: value for key, value in row.items() if isinstance(value, torch.Tensor)} for row in batch]
        return concatenated(rows)

    def _with_media(self, padded: dict[str, Any], batch: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """A padded batch of plain rows (no pairs, no groups) together with what its media become."""
        return {**padded, **self._data_collator_mm_data(batch)}

    def _post_encode(self, model: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        """Change a batch with the model's help right before its forward pass."""
        return inputs

    def register_post_encode_hook(self, model: Any) -> Any:
        """Have `_post_encode` called before each forward pass of the model.

        Returns the handle that removes the hook; None where the class does not override `_post_encode`.
        """
        if type(self)._post_encode is TemplateHooks._post_encode:
            return None

        def hook(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
            return args, self._post_encode(module, kwargs)

        return model.register_forward_pre_hook(hook, with_kwargs=True)
