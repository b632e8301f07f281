"""FoodLMM: a LLaVA that draws masks with SAM and reads nutrition values from its own hidden states.

Source: FoodLMM (Yin et al., TMM 2025), section III, and its released code (after LISA, Lai et al., CVPR 2024). When the
language model writes `[SEGi]` or a nutrition token, the hidden state that predicted that token goes through a small
shared network; the result prompts SAM's mask decoder, or one of ten linear heads makes a number of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import LlavaForConditionalGeneration, SamModel
from transformers.modeling_outputs import BaseModelOutputWithPooling

from foodbench.models.foodlmm.configuration_foodlmm import FoodLMMConfig
from foodbench.models.foodlmm.tokens import HEADS, TokenRole, token_roles

Embedder = Callable[[torch.Tensor], torch.Tensor]
"""From rows of a batch to (rows, channels, grid, grid): what SAM's encoder makes of their pictures."""


@dataclass(frozen=True, slots=True)
class SegmentReading:
    """One mask that an answer asked for.

    Attributes:
        position: index of the `[SEGi]` token in `GeneratedAnswer.token_ids`.
        number: i.
        logits: (height, width) float32 logits at the mask decoder's resolution, over the padded square input.
    """

    position: int
    number: int
    logits: torch.Tensor


@dataclass(frozen=True, slots=True)
class NutritionReading:
    """One number that an answer asked for.

    Attributes:
        position: index of the token in `GeneratedAnswer.token_ids`.
        number: the ingredient's number from 1; 0 for the whole meal.
        head: index into `HEADS`.
        value: kcal or grams. Heads are linear, so it may be negative.
    """

    position: int
    number: int
    head: int
    value: float


@dataclass(frozen=True, slots=True)
class GeneratedAnswer:
    """Tokens of one answer (end and padding removed) and what was read out at its special tokens."""

    token_ids: tuple[int, ...]
    segments: tuple[SegmentReading, ...] = ()
    nutrition: tuple[NutritionReading, ...] = ()

    def truncated(self, tokens: int) -> GeneratedAnswer:
        """The answer as it would be with a limit of that many tokens.

        Greedy decoding writes the same tokens under any limit, so a batch may run to the longest of its limits.
        """
        return GeneratedAnswer(
            self.token_ids[:tokens],
            tuple(reading for reading in self.segments if reading.position < tokens),
            tuple(reading for reading in self.nutrition if reading.position < tokens),
        )


class FoodLMMForConditionalGeneration(LlavaForConditionalGeneration):
    """LLaVA, SAM, the shared read-out network `text_fc` and ten linear nutrition heads.

    Module names follow the released checkpoint, so that its weights map one to one.
    """

    config_class = FoodLMMConfig
    config: FoodLMMConfig

    def __init__(self, config: FoodLMMConfig) -> None:
        super().__init__(config)
        hidden_size = config.text_config.hidden_size
        prompt_size = config.sam_config.mask_decoder_config.hidden_size
        if config.projector_type == "linear":
            self.model.multi_modal_projector = nn.Linear(config.vision_config.hidden_size, hidden_size)
        self.sam = SamModel(config.sam_config)
        self.text_fc = nn.Sequential(
            nn.Linear(hidden_size, hidden_size), nn.ReLU(), nn.Linear(hidden_size, prompt_size)
        )
        if config.nutrition_heads:
            self.heads = nn.ModuleDict({name: nn.Linear(prompt_size, 1) for name in HEADS})
        self.post_init()

    def encode_images(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """CLIP and the projector: (images, 3, side, side) to (images, patches, hidden)."""
        return torch.stack(list(self.get_image_features(pixel_values, return_dict=True).pooler_output))

    def encode_for_masks(self, sam_pixel_values: torch.Tensor) -> torch.Tensor:
        """SAM's image encoder: (images, 3, side, side) to (images, channels, grid, grid)."""
        return self.sam.vision_encoder(sam_pixel_values).last_hidden_state

    def decode_masks(
        self, image_embeddings: torch.Tensor, image_index: torch.Tensor, prompts: torch.Tensor
    ) -> torch.Tensor:
        """Draw one mask per prompt.

        Args:
            image_embeddings: (images, channels, grid, grid) from `encode_for_masks`.
            image_index: (masks,) which image each prompt belongs to.
            prompts: (masks, channels) outputs of `text_fc`.

        Returns:
            (masks, 4 * grid, 4 * grid) logits.
        """
        # SamModel.forward takes points and boxes only, so the decoder is called directly, one mask per row.
        chosen = image_embeddings[image_index]
        _, dense = self.sam.prompt_encoder(None, None, None, None)
        positions = self.sam.get_image_wide_positional_embeddings().expand(len(chosen), -1, -1, -1)
        logits, _ = self.sam.mask_decoder(
            image_embeddings=chosen,
            image_positional_embeddings=positions,
            sparse_prompt_embeddings=prompts[:, None, None],
            dense_prompt_embeddings=dense,
            multimask_output=False,
        )
        return logits[:, 0, 0]

    def predict_nutrition(self, prompts: torch.Tensor, heads: torch.Tensor) -> torch.Tensor:
        """Nutrition values in kcal or grams.

        Args:
            prompts: (values, channels) outputs of `text_fc`.
            heads: (values,) index into `HEADS` of each.
        """
        layers = [self.heads[name] for name in HEADS]
        weight = torch.cat([layer.weight for layer in layers]).float()
        bias = torch.cat([layer.bias for layer in layers]).float()
        scale = torch.tensor(self.config.nutrition_scale, dtype=torch.float32, device=prompts.device)
        if self.config.heads_dtype == "bfloat16":
            outputs = functional.linear(prompts.bfloat16(), weight.bfloat16(), bias.bfloat16()).float()
            return outputs.gather(1, heads[:, None])[:, 0] * scale[heads]
        # In float32 whatever the model's type: bfloat16 would quantise 512 kcal to steps of 4.
        return ((prompts.float() * weight[heads]).sum(-1) + bias[heads]) * scale[heads]

    def roles(self) -> dict[int, TokenRole]:
        """What each special token id asks for."""
        config = self.config
        return token_roles(
            config.segment_token_ids or [], config.nutrition_token_ids or [], config.plain_segment_token_id
        )

    @torch.no_grad()
    def generate_answers(
        self,
        *,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        pixel_values: torch.Tensor | None = None,
        sam_pixel_values: torch.Tensor | None = None,
        image_features: torch.Tensor | None = None,
        embed: Embedder | None = None,
        max_new_tokens: int = 64,
        **_: Any,
    ) -> list[GeneratedAnswer]:
        """Answer a batch greedily, with its masks and nutrition values.

        Pictures are given as pixels, or as what was made of them before.

        Args:
            input_ids: (batch, length) prompts, padded on the left.
            attention_mask: (batch, length).
            pixel_values: (batch, 3, clip side, clip side), unless `image_features` are given.
            sam_pixel_values: (batch, 3, sam side, sam side), unless `embed` is given.
            image_features: (batch, patches, hidden) from `encode_images`.
            embed: gives the mask branch's embeddings of the pictures at some rows of the batch.
            max_new_tokens: limit of the answer's length.
            _: other outputs of the processor, ignored.
        """
        output = self.generate(
            input_ids=input_ids,
            attention_mask=attention_mask,
            mm_encoder_outputs=self._encoded(pixel_values, image_features),
            max_new_tokens=max_new_tokens,
            do_sample=False,
            num_beams=1,
            return_dict_in_generate=True,
            output_hidden_states=True,
        )
        tokens = output.sequences[:, input_ids.shape[1] :]
        # Step k's last state predicted token k: exactly the state that the special tokens are read from. The last
        # layer's entry is already normalised.
        states = torch.stack([step[-1][:, -1] for step in output.hidden_states], dim=1)
        rows = [self._cut(row) for row in tokens.tolist()]
        return self._read_out(rows, states, embed or self._embedder(sam_pixel_values))

    @torch.no_grad()
    def force_answers(
        self,
        *,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        answer_ids: Sequence[Sequence[int]],
        pixel_values: torch.Tensor | None = None,
        sam_pixel_values: torch.Tensor | None = None,
        image_features: torch.Tensor | None = None,
        embed: Embedder | None = None,
        **_: Any,
    ) -> list[GeneratedAnswer]:
        """Read masks and values out at the special tokens of answers that are given, as FoodLMM's evaluator does.

        Args:
            input_ids: (batch, length) prompts, padded on the left.
            attention_mask: (batch, length).
            answer_ids: tokens of each answer, without end token.
            pixel_values: the pictures, as this and what follows for `generate_answers`.
            sam_pixel_values: (batch, 3, sam side, sam side).
            image_features: (batch, patches, hidden).
            embed: gives the mask branch's embeddings.
            _: other outputs of the processor, ignored.
        """
        longest = max(map(len, answer_ids))
        filler = input_ids.new_zeros(len(answer_ids), longest)
        given = torch.zeros_like(filler)
        for row, ids in enumerate(answer_ids):
            filler[row, : len(ids)] = torch.tensor(list(ids), device=filler.device)
            given[row, : len(ids)] = 1
        attention = torch.cat((attention_mask, given), dim=1)
        output = self.model(
            input_ids=torch.cat((input_ids, filler), dim=1),
            attention_mask=attention,
            position_ids=(attention.cumsum(-1) - 1).clamp(min=0),
            mm_encoder_outputs=self._encoded(pixel_values, image_features),
            use_cache=False,
        )
        # The state that predicts a token is the one before it; the first is predicted by the prompt's last.
        states = output.last_hidden_state[:, input_ids.shape[1] - 1 : -1]
        answers = [tuple(ids) for ids in answer_ids]
        return self._read_out(answers, states, embed or self._embedder(sam_pixel_values))

    def _encoded(self, pixel_values: torch.Tensor | None, image_features: torch.Tensor | None) -> dict[str, Any]:
        """What LLaVA takes in place of pixels; it takes a list of each picture's features."""
        if image_features is None:
            if pixel_values is None:
                raise ValueError("Neither pixels nor features of the pictures are given.")
            image_features = self.encode_images(pixel_values)
        return {"image": BaseModelOutputWithPooling(pooler_output=list(image_features))}

    def _embedder(self, sam_pixel_values: torch.Tensor | None) -> Embedder:
        def embed(rows: torch.Tensor) -> torch.Tensor:
            if sam_pixel_values is None:
                raise ValueError("A mask is asked for, and neither pixels nor embeddings of its picture are given.")
            return self.encode_for_masks(sam_pixel_values[rows].to(self.dtype))

        return embed

    def _cut(self, row: list[int]) -> tuple[int, ...]:
        """The row up to its end token."""
        end = self.generation_config.eos_token_id
        ends = set(end) if isinstance(end, list) else {end}
        stop = next((place for place, token in enumerate(row) if token in ends), len(row))
        return tuple(row[:stop])

    def _read_out(self, rows: list[tuple[int, ...]], states: torch.Tensor, embed: Embedder) -> list[GeneratedAnswer]:
        roles = self.roles()
        found = [
            (row, place, roles[token])
            for row, ids in enumerate(rows)
            for place, token in enumerate(ids)
            if token in roles
        ]
        segments: list[list[SegmentReading]] = [[] for _ in rows]
        nutrition: list[list[NutritionReading]] = [[] for _ in rows]
        if found:
            device = states.device
            where = torch.tensor([(row, place) for row, place, _ in found], device=device)
            prompts = self.text_fc(states[where[:, 0], where[:, 1]])
            heads = torch.tensor([role.head for *_, role in found], device=device)
            masked = (heads < 0).nonzero()[:, 0]
            valued = (heads >= 0).nonzero()[:, 0]
            values = self.predict_nutrition(prompts[valued], heads[valued]).tolist() if len(valued) else []
            for index, value in zip(valued.tolist(), values, strict=True):
                row, place, role = found[index]
                nutrition[row].append(NutritionReading(place, role.number, role.head, value))
            logits = self._draw(where[masked, 0], prompts[masked], embed)
            for index, mask in zip(masked.tolist(), logits, strict=True):
                row, place, role = found[index]
                segments[row].append(SegmentReading(place, role.number, mask))
        return [
            GeneratedAnswer(ids, tuple(masks), tuple(numbers))
            for ids, masks, numbers in zip(rows, segments, nutrition, strict=True)
        ]

    def _draw(self, rows: torch.Tensor, prompts: torch.Tensor, embed: Embedder) -> list[torch.Tensor]:
        """Masks for prompts of the given batch rows; images without a mask are not encoded."""
        if not len(rows):
            return []
        images, image_index = rows.unique(return_inverse=True)
        return list(self.decode_masks(embed(images), image_index, prompts).float())


__all__ = ["FoodLMMForConditionalGeneration", "GeneratedAnswer", "NutritionReading", "SegmentReading"]
