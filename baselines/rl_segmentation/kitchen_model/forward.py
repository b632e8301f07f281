"""The model's forward pass in training: many plates at once, several questions about each.

The same sums as the model's own forward pass makes, faster: the vision tower takes all plates together instead of one
by one, and questions about one plate share what comes before them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import apply_rotary_pos_emb_vision
from transformers.vision_utils import get_vision_position_ids


class Sight:
    """Pictures into visual tokens.

    Args:
        model: a Qwen2.5-VL whose vision tower looks at the whole picture in every layer.
        image_processor: of the model.
        grid: side of the pictures.
    """

    def __init__(self, model: Any, image_processor: Any, grid: int) -> None:
        self._visual, self._processor = model.model.visual, image_processor
        self._mean = torch.tensor(image_processor.image_mean) * 255
        self._deviation = torch.tensor(image_processor.image_std) * 255
        side = grid // image_processor.patch_size
        self._cells = (side // image_processor.merge_size) ** 2
        places = get_vision_position_ids(torch.tensor([[1, side, side]]), image_processor.merge_size)
        self._rotary = self._visual.rotary_pos_emb(torch.zeros(1), places)

    def patches(self, pixels: torch.Tensor) -> torch.Tensor:
        """(pictures, grid, grid, 3) uint8 to (pictures, patches, values)."""
        scaled = ((pixels.float() - self._mean) / self._deviation).permute(0, 3, 1, 2)
        processor = self._processor
        found, _, _ = processor.patchify(
            scaled, processor.patch_size, processor.merge_size, processor.temporal_patch_size
        )
        return found

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """(pictures, grid, grid, 3) uint8 to (pictures, tokens, text hidden)."""
        patches = self.patches(pixels)
        count, length = patches.shape[:2]
        hidden = self._visual.patch_embed(patches.flatten(0, 1)).view(count, length, -1)
        for block in self._visual.blocks:
            hidden = hidden + self._attend(block.attn, block.norm1(hidden))
            hidden = hidden + block.mlp(block.norm2(hidden))
        return self._visual.merger(hidden.flatten(0, 1)).view(count, self._cells, -1)

    def _attend(self, attention: Any, hidden: torch.Tensor) -> torch.Tensor:
        count, length, width = hidden.shape
        parts = attention.qkv(hidden).view(count, length, 3, attention.num_heads, -1)
        query, key, value = parts.unbind(2)
        query, key = apply_rotary_pos_emb_vision(query, key, *self._rotary)
        mixed = functional.scaled_dot_product_attention(
            query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
        )
        return attention.proj(mixed.transpose(1, 2).reshape(count, length, width))


class Reader:
    """Visual tokens and rows through the language model.

    Args:
        model: the model.
        head: ids before the picture.
        side: visual tokens a side.
    """

    def __init__(self, model: Any, head: list[int], side: int) -> None:
        self._language, self._embed = model.model.language_model, model.get_input_embeddings()
        self._head, self._after = torch.tensor(head), len(head) + side
        raster = torch.arange(side * side)
        picture = len(head) + torch.stack([torch.zeros_like(raster), raster // side, raster % side])
        self._places = torch.cat([torch.arange(len(head)).expand(3, -1), picture], 1)
        self._cache: Any = None

    def look(self, seen: torch.Tensor, *, only: bool = False) -> torch.Tensor:
        """Read what all questions share; `read` goes on from there.

        Args:
            seen: (plates, tokens, hidden) visual tokens.
            only: nothing will be read behind it, so that the later layers are left out.

        Returns:
            the same shape: the tokens after the first layer, which the rows' tokens look at in the second.
        """
        opening = self._embed(self._head).expand(len(seen), -1, -1)
        kept: list[torch.Tensor] = []
        layers = self._language.layers
        hook = layers[0].register_forward_hook(lambda _module, _inputs, output: kept.append(output))
        self._language.layers = layers[:1] if only else layers
        try:
            self._cache = self._language(
                inputs_embeds=torch.cat([opening, seen], 1),
                position_ids=self._places[:, None].expand(-1, len(seen), -1),
                use_cache=True,
            ).past_key_values
        finally:
            hook.remove()
            self._language.layers = layers
        return kept[0][:, len(self._head) :]

    def read(self, ids: torch.Tensor, questions: int) -> torch.Tensor:
        """Hidden states of rows behind the plates that were looked at; once for each `look`.

        Args:
            ids: (plates x questions, length) rows, those of one plate together.
            questions: about each plate.

        Returns:
            (plates x questions, length, hidden), after the last norm.
        """
        self._cache.batch_repeat_interleave(questions)
        places = self._after + torch.arange(ids.shape[1])
        return self._language(
            inputs_embeds=self._embed(ids),
            position_ids=places.expand(3, len(ids), -1),
            past_key_values=self._cache,
            use_cache=True,
        ).last_hidden_state


class BoxHead(nn.Module):
    """Auxiliary: the box of the thing that a token is about, from the token's hidden state. Dropped on publishing."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, 4))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """(tokens, hidden) to (tokens, 4), shares of the grid."""
        return self.layers(states).sigmoid()


class Probe(nn.Module):
    """What warms the vision tower up; dropped on publishing.

    Every visual token tells what is there and the box of its main thing; every ingredient's name, as its embedding,
    looks over the visual tokens and tells whether and where it is on the plate. The tokens are those after the first
    layer of the language model: only there they know where they are, for the tower's code of places is relative.
    """

    def __init__(self, hidden: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.cell = nn.Linear(hidden, classes + 1 + 4)
        self.query, self.key, self.value = (nn.Linear(hidden, hidden) for _ in range(3))
        self.found = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.GELU(), nn.Linear(hidden, 5))

    def cells(self, seen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Visual tokens to logits of what is there (things and, first, nothing) and boxes."""
        told = self.cell(self.norm(seen))
        return told[..., :-4], told[..., -4:].sigmoid()

    def names(self, seen: torch.Tensor, names: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of (plates, names) being on the plate, and (plates, names, 4) boxes.

        Args:
            seen: (plates, tokens, hidden).
            names: (names, hidden) embeddings.
        """
        seen = self.norm(seen)
        asked = self.query(names).expand(len(seen), -1, -1)
        looked = functional.scaled_dot_product_attention(asked, self.key(seen), self.value(seen))
        told = self.found(torch.cat([looked, asked], -1))
        return told[..., 0], told[..., 1:].sigmoid()
