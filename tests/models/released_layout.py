"""A small checkpoint in the form of FoodLMM's and LISA's repositories, and a plain model that runs it.

The reference is written from the papers' and the original SAM's structure, with the original names of modules, so that
its state dict *is* the released layout. It shares no code with the package: LLaMA and CLIP are transformers' own, SAM
is written out here without windows' and masks' shortcuts.
"""

from __future__ import annotations

import io
import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from torch import nn
from torch.nn import functional
from transformers import CLIPConfig, CLIPModel, CLIPVisionModel, LlamaConfig, LlamaForCausalLM, SamConfig

CHANNELS, SAM_HIDDEN, SAM_HEADS, SAM_SIDE, SAM_PATCH, WINDOW = 32, 16, 2, 64, 8, 3
GRID = SAM_SIDE // SAM_PATCH
CLIP_SIDE, CLIP_PATCH, CLIP_HIDDEN = 28, 14, 24
PATCHES = (CLIP_SIDE // CLIP_PATCH) ** 2
BASE_VOCABULARY = 330
IMAGE = -200
HEADS = [f"{total}{name}_head" for total in ("", "total_") for name in ("mass", "calorie", "fat", "carb", "protein")]


def sam_config() -> SamConfig:
    """The small SAM in transformers' terms."""
    return SamConfig(
        vision_config={
            "hidden_size": SAM_HIDDEN,
            "output_channels": CHANNELS,
            "num_hidden_layers": 2,
            "num_attention_heads": SAM_HEADS,
            "image_size": SAM_SIDE,
            "patch_size": SAM_PATCH,
            "window_size": WINDOW,
            "global_attn_indexes": [1],
            "num_pos_feats": CHANNELS // 2,
        },
        prompt_encoder_config={"hidden_size": CHANNELS, "image_size": SAM_SIDE, "patch_size": SAM_PATCH},
        mask_decoder_config={
            "hidden_size": CHANNELS,
            "mlp_dim": 48,
            "iou_head_hidden_dim": CHANNELS,
            "layer_norm_eps": 1e-5,
        },
    )


class ChannelNorm(nn.Module):
    """LayerNorm over the channels of a picture."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(x.movedim(1, -1), x.shape[1:2], self.weight, self.bias, 1e-6).movedim(-1, 1)


class WindowAttention(nn.Module):
    """Attention within a square whose biases come from decomposed relative positions."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side
        self.qkv, self.proj = nn.Linear(SAM_HIDDEN, 3 * SAM_HIDDEN), nn.Linear(SAM_HIDDEN, SAM_HIDDEN)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * side - 1, SAM_HIDDEN // SAM_HEADS))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * side - 1, SAM_HIDDEN // SAM_HEADS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        side = self.side
        query, key, value = self.qkv(x).reshape(side * side, 3, SAM_HEADS, -1).permute(1, 2, 0, 3)
        place = torch.arange(side)
        offset = place[:, None] - place[None] + side - 1
        grid = query.reshape(SAM_HEADS, side, side, -1)
        rows = torch.einsum("hyxc,ykc->hyxk", grid, self.rel_pos_h[offset])
        columns = torch.einsum("hyxc,xkc->hyxk", grid, self.rel_pos_w[offset])
        bias = (rows[..., :, None] + columns[..., None, :]).reshape(SAM_HEADS, side * side, side * side)
        scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[-1]) + bias
        return self.proj((scores.softmax(-1) @ value).transpose(0, 1).reshape(side, side, SAM_HIDDEN))


class Mlp(nn.Module):
    def __init__(self, width: int, inner: int, activation: Any) -> None:
        super().__init__()
        self.lin1, self.lin2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.activation = activation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.lin2(self.activation(self.lin1(x)))


class Block(nn.Module):
    def __init__(self, side: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(SAM_HIDDEN, eps=1e-6), nn.LayerNorm(SAM_HIDDEN, eps=1e-6)
        self.attn, self.mlp = WindowAttention(side), Mlp(SAM_HIDDEN, 4 * SAM_HIDDEN, functional.gelu)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        side = self.attn.side
        padded = -GRID % side
        inner = functional.pad(self.norm1(x), (0, 0, 0, padded, 0, padded))
        attended = torch.zeros_like(inner)
        for top in range(0, GRID + padded, side):
            for left in range(0, GRID + padded, side):
                window = (slice(top, top + side), slice(left, left + side))
                attended[window] = self.attn(inner[window])
        x = x + attended[:GRID, :GRID]
        return x + self.mlp(self.norm2(x))


class ImageEncoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, SAM_HIDDEN, SAM_PATCH, SAM_PATCH)})
        self.pos_embed = nn.Parameter(torch.zeros(1, GRID, GRID, SAM_HIDDEN))
        self.blocks = nn.ModuleList([Block(WINDOW), Block(GRID)])
        self.neck = nn.Sequential(
            nn.Conv2d(SAM_HIDDEN, CHANNELS, 1, bias=False),
            ChannelNorm(CHANNELS),
            nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False),
            ChannelNorm(CHANNELS),
        )

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        x = self.patch_embed["proj"](pixels[None])[0].movedim(0, -1) + self.pos_embed[0]
        for block in self.blocks:
            x = block(x)
        return self.neck(x.movedim(-1, 0)[None])[0]


class PositionCode(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.zeros(2, CHANNELS // 2))


class PromptEncoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pe_layer = PositionCode()
        self.point_embeddings = nn.ModuleList([nn.Embedding(1, CHANNELS) for _ in range(4)])
        self.not_a_point_embed, self.no_mask_embed = nn.Embedding(1, CHANNELS), nn.Embedding(1, CHANNELS)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, 4, 2, 2),
            ChannelNorm(4),
            nn.GELU(),
            nn.Conv2d(4, 16, 2, 2),
            ChannelNorm(16),
            nn.GELU(),
            nn.Conv2d(16, CHANNELS, 1),
        )

    def positions(self) -> torch.Tensor:
        """(cells, channels): sine and cosine of random projections of the cells' centres."""
        centre = (torch.arange(GRID) + 0.5) / GRID * 2 - 1
        down, right = torch.meshgrid(centre, centre, indexing="ij")
        matrix = self.pe_layer.positional_encoding_gaussian_matrix
        angle = 2 * math.pi * (torch.stack([right, down], -1) @ matrix)
        return torch.cat([angle.sin(), angle.cos()], -1).reshape(-1, CHANNELS)


class Attention(nn.Module):
    def __init__(self, inner: int) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(CHANNELS, inner) for _ in range(3))
        self.out_proj = nn.Linear(inner, CHANNELS)

    def forward(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        query, key, value = (
            layer(x).unflatten(-1, (8, -1)).transpose(0, 1)
            for layer, x in ((self.q_proj, query), (self.k_proj, key), (self.v_proj, value))
        )
        scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])
        return self.out_proj((scores.softmax(-1) @ value).transpose(0, 1).flatten(1))


class TwoWayLayer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.self_attn = Attention(CHANNELS)
        self.cross_attn_token_to_image, self.cross_attn_image_to_token = (Attention(CHANNELS // 2) for _ in range(2))
        self.norm1, self.norm2, self.norm3, self.norm4 = (nn.LayerNorm(CHANNELS) for _ in range(4))
        self.mlp = Mlp(CHANNELS, 48, functional.relu)


class TwoWay(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([TwoWayLayer(), TwoWayLayer()])
        self.final_attn_token_to_image = Attention(CHANNELS // 2)
        self.norm_final_attn = nn.LayerNorm(CHANNELS)

    def forward(self, image: torch.Tensor, place: torch.Tensor, code: torch.Tensor) -> tuple[torch.Tensor, ...]:
        tokens = code
        for number, layer in enumerate(self.layers):
            if number == 0:
                tokens = layer.norm1(layer.self_attn(tokens, tokens, tokens))
            else:
                tokens = layer.norm1(tokens + layer.self_attn(tokens + code, tokens + code, tokens))
            tokens = layer.norm2(tokens + layer.cross_attn_token_to_image(tokens + code, image + place, image))
            tokens = layer.norm3(tokens + layer.mlp(tokens))
            image = layer.norm4(image + layer.cross_attn_image_to_token(image + place, tokens + code, tokens))
        tokens = tokens + self.final_attn_token_to_image(tokens + code, image + place, image)
        return self.norm_final_attn(tokens), image


class Perceptron(nn.Module):
    def __init__(self, *widths: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in itertools.pairwise(widths)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, second, last = self.layers
        return last(second(first(x).relu()).relu())


class MaskDecoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.transformer = TwoWay()
        self.iou_token, self.mask_tokens = nn.Embedding(1, CHANNELS), nn.Embedding(4, CHANNELS)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(CHANNELS, CHANNELS // 4, 2, 2),
            ChannelNorm(CHANNELS // 4),
            nn.GELU(),
            nn.ConvTranspose2d(CHANNELS // 4, CHANNELS // 8, 2, 2),
            nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleList(
            [Perceptron(CHANNELS, CHANNELS, CHANNELS, CHANNELS // 8) for _ in range(4)]
        )
        self.iou_prediction_head = Perceptron(CHANNELS, CHANNELS, CHANNELS, 4)

    def forward(self, image: torch.Tensor, place: torch.Tensor, prompt: torch.Tensor) -> torch.Tensor:
        code = torch.cat([self.iou_token.weight, self.mask_tokens.weight, prompt[None]])
        tokens, cells = self.transformer(image.flatten(1).T, place, code)
        picture = self.output_upscaling(cells.T.reshape(1, CHANNELS, GRID, GRID))[0]
        return torch.einsum("c,cyx->yx", self.output_hypernetworks_mlps[0](tokens[1]), picture)


class OriginalSam(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.image_encoder, self.prompt_encoder, self.mask_decoder = ImageEncoder(), PromptEncoder(), MaskDecoder()

    def forward(self, pixels: torch.Tensor, prompts: torch.Tensor) -> torch.Tensor:
        """(masks, 4 grid, 4 grid) logits of one picture, one mask after the other."""
        image = self.image_encoder(pixels) + self.prompt_encoder.no_mask_embed.weight[0, :, None, None]
        place = self.prompt_encoder.positions()
        return torch.stack([self.mask_decoder(image, place, prompt) for prompt in prompts])


class Released(LlamaForCausalLM):
    """FoodLMM or LISA with the module names of the released code."""

    def __init__(self, config: LlamaConfig, nutrition: bool) -> None:
        super().__init__(config)
        hidden = config.hidden_size
        self.model.mm_projector = nn.Linear(CLIP_HIDDEN, hidden)
        self.model.visual_model = OriginalSam()
        network = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, CHANNELS), nn.Dropout(0.0))
        self.model.text_hidden_fcs = nn.ModuleList([network])
        if nutrition:
            for name in HEADS:
                setattr(self, name, nn.Linear(CHANNELS, 1))

    def run(self, ids: Sequence[int], features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (positions, vocabulary) and read-out vectors (positions, channels).

        Args:
            ids: with `IMAGE` where the picture is.
            features: (patches, CLIP channels).
        """
        place = ids.index(IMAGE)
        embed = self.model.embed_tokens
        row = torch.cat(
            [
                embed(torch.tensor(ids[:place])),
                self.model.mm_projector(features),
                embed(torch.tensor(ids[place + 1 :], dtype=torch.long)),
            ]
        )
        hidden = self.model(inputs_embeds=row[None], use_cache=False).last_hidden_state[0]
        return self.lm_head(hidden), self.model.text_hidden_fcs[0](hidden)

    def read(self, ids: Sequence[int], prompts: torch.Tensor, wanted: Sequence[int]) -> torch.Tensor:
        """Read-out vectors for the wanted tokens, by the released code's shift: left by one, right by the picture."""
        found = torch.tensor([token in wanted for token in ids[1:]])
        return prompts[:-1][torch.cat([torch.zeros(PATCHES - 1, dtype=torch.bool), found])]


@dataclass(frozen=True)
class ReleasedCheckpoint:
    """Folders of a small released checkpoint, the model in them, and its tokens' ids."""

    folder: Path
    vision: Path
    model: Released
    added: dict[str, int]

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """(patches, channels) of CLIP's last layer but one, by the configuration's choice."""
        layer = json.loads((self.folder / "config.json").read_text())["mm_vision_select_layer"]
        tower = CLIPVisionModel.from_pretrained(self.vision).eval()
        return tower(pixels[None], output_hidden_states=True).hidden_states[layer][0, 1:]


def added_tokens(nutrition: bool, numbered: int = 20) -> dict[str, int]:
    tokens = ["<im_patch>", "<im_start>", "<im_end>", "[SEG]"]
    if nutrition:
        tokens += ["[MASS_TOTAL]", "[CAL_TOTAL]", "[FAT_TOTAL]", "[CARB_TOTAL]", "[PRO_TOTAL]"]
        for number in range(1, numbered + 1):
            tokens += [f"[{name}{number}]" for name in ("SEG", "MASS", "CAL", "FAT", "CARB", "PRO")]
    return {token: BASE_VOCABULARY + place for place, token in enumerate(tokens)}


def write_tokenizer(folder: Path, added: dict[str, int]) -> None:
    """The four files of transformers 4.31's slow LLaMA tokenizer."""
    model = io.BytesIO()
    words = ["rice", "egg", "curry", "the", "is", "masked", "as", "what", "dish", "grams", "of", "kcal", "picture"]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(words[start:] + words[:start]) for start in range(len(words))] * 4),
        model_writer=model,
        vocab_size=BASE_VOCABULARY,
        model_type="bpe",
        byte_fallback=True,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    (folder / "tokenizer.model").write_bytes(model.getvalue())
    _write_json(folder / "added_tokens.json", added)
    _write_json(folder / "special_tokens_map.json", {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"})
    _write_json(
        folder / "tokenizer_config.json",
        {"tokenizer_class": "LlamaTokenizer", "legacy": True, "add_bos_token": True, "padding_side": "right"},
    )


def write_clip(folder: Path) -> None:
    """A whole CLIP, text side included, as in its hub repository."""
    sides = {"hidden_size": CLIP_HIDDEN, "intermediate_size": 40, "num_hidden_layers": 3, "num_attention_heads": 4}
    config = CLIPConfig(
        vision_config={**sides, "image_size": CLIP_SIDE, "patch_size": CLIP_PATCH},
        text_config={**sides, "vocab_size": 50, "bos_token_id": 1, "eos_token_id": 2},
        projection_dim=12,
    )
    torch.manual_seed(11)
    model = CLIPModel(config)
    _roughen(model, 12)
    model.save_pretrained(folder)


def released_config(**changes: Any) -> dict[str, Any]:
    """The raw `config.json`; some fields deliberately differ from the defaults of LLaMA and of the paper."""
    return {
        "_name_or_path": "LLaVA-Lightning-7B-v1-1",
        "architectures": ["LISAForCausalLM"],
        "bos_token_id": 1,
        "eos_token_id": 2,
        "freeze_mm_mlp_adapter": True,
        "hidden_act": "silu",
        "hidden_size": 40,
        "image_aspect_ratio": "square",
        "image_grid_pinpoints": None,
        "initializer_range": 0.02,
        "intermediate_size": 72,
        "max_position_embeddings": 384,
        "mm_hidden_size": CLIP_HIDDEN,
        "mm_use_im_patch_token": False,
        "mm_use_im_start_end": True,
        "mm_vision_select_feature": "patch",
        "mm_vision_select_layer": -3,
        "mm_vision_tower": "openai/clip-vit-large-patch14",
        "model_type": "llava",
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "out_dim": CHANNELS,
        "pad_token_id": 0,
        "pretraining_tp": 1,
        "rms_norm_eps": 1e-3,
        "rope_scaling": None,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "train_mask_decoder": True,
        "transformers_version": "4.31.0",
        "use_cache": False,
        "vision_tower": "openai/clip-vit-large-patch14",
        **changes,
    }


def write_released(
    root: Path, *, nutrition: bool = True, dtype: torch.dtype = torch.float32, **changes: Any
) -> ReleasedCheckpoint:
    """Write a checkpoint of two shards, and a CLIP beside it.

    Args:
        root: folder for both.
        nutrition: FoodLMM's tokens and heads; LISA's single `[SEG]` otherwise.
        dtype: of the released weights; CLIP's stay in float32.
        changes: fields of the configuration.
    """
    folder, vision = root / "released", root / "clip"
    folder.mkdir(parents=True)
    added = added_tokens(nutrition)
    raw = released_config(vocab_size=BASE_VOCABULARY + len(added), **changes)
    names = ("hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "rms_norm_eps")
    config = LlamaConfig(**{name: raw[name] for name in (*names, "vocab_size", "max_position_embeddings")})
    torch.manual_seed(5)
    model = Released(config, nutrition).eval()
    _roughen(model, 6)
    model.to(dtype)
    _write_json(folder / "config.json", raw)
    write_tokenizer(folder, added)
    write_clip(vision)
    state = dict(model.state_dict())
    for layer in range(raw["num_hidden_layers"]):
        state[f"model.layers.{layer}.self_attn.rotary_emb.inv_freq"] = torch.ones(5)
    write_shards(folder, state)
    return ReleasedCheckpoint(folder, vision, model, added)


def write_shards(folder: Path, state: dict[str, torch.Tensor]) -> None:
    """Two `.bin` files and their index, as transformers 4.31 saves."""
    keys = list(state)
    half = len(keys) // 2
    weight_map = {}
    for number, part in enumerate((keys[:half], keys[half:]), start=1):
        name = f"pytorch_model-{number:05d}-of-00002.bin"
        # As copies: a saved view takes its whole storage along.
        torch.save({key: state[key].clone() for key in part}, folder / name)
        weight_map.update(dict.fromkeys(part, name))
    _write_json(folder / "pytorch_model.bin.index.json", {"metadata": {"total_size": 0}, "weight_map": weight_map})


def _roughen(model: nn.Module, seed: int) -> None:
    """Weights of a size at which every one of them shows in the result."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.state_dict().items():
            if not weight.is_floating_point():
                continue
            noise = torch.randn(weight.shape, generator=generator)
            norm = "norm" in name or ".neck." in name or "ln" in name
            weight.copy_(1 + 0.3 * noise if norm and name.endswith("weight") and weight.dim() == 1 else 0.25 * noise)


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2))
