"""The published checkpoints of FoodLMM and LISA: names of their weights, their special tokens, their configuration.

Source: what the released code of FoodLMM (Yin et al., TMM 2025) and LISA (Lai et al., CVPR 2024) saves: LLaVA's
language model and projector, the whole of SAM under its original names, the read-out network, and FoodLMM's ten heads.
CLIP is not in those files. Their `config.json` calls itself `llava` without being what transformers means by that, so
it is read as plain JSON.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from transformers import CLIPVisionConfig, LlamaConfig, SamConfig

from foodbench.core.errors import CheckpointError
from foodbench.models.foodlmm.configuration_foodlmm import FoodLMMConfig
from foodbench.models.foodlmm.shards import read_json_object
from foodbench.models.foodlmm.tokenization_legacy import LegacyLlamaTokenizer, Vocabulary, read_vocabulary
from foodbench.models.foodlmm.tokens import HEADS

VISION_TOWER = "model.vision_tower."
"""Prefix of our names for CLIP, whose weights come from a folder of their own."""

SAM_PREFIX = "model.visual_model."

EXPECTED_COUNTS: dict[str, dict[str, int]] = {
    "Yueha0/FoodLMM-Chat": {
        "language model": 291,
        "projector": 2,
        "SAM image encoder": 457,
        "SAM prompt encoder": 17,
        "SAM mask decoder": 120,
        "read-out network": 4,
        "nutrition heads": 20,
    },
    "xinlai/LISA-7B-v1-explanatory": {
        "language model": 291,
        "projector": 2,
        "SAM image encoder": 457,
        "SAM prompt encoder": 17,
        "SAM mask decoder": 120,
        "read-out network": 4,
    },
}
"""How many keys each part of the published files has, without those that are dropped."""

_RELEASED_HEADS = {"mass": "mass", "cal": "calorie", "fat": "fat", "carb": "carb", "pro": "protein"}
_HEADS = {
    **{ours: f"{theirs}_head" for ours, theirs in _RELEASED_HEADS.items()},
    **{f"total_{ours}": f"total_{theirs}_head" for ours, theirs in _RELEASED_HEADS.items()},
}

# Names as transformers writes them, and as Meta's original SAM does; tried from top to bottom, the first that fits.
# The mask decoder's small networks have three layers each, which transformers calls first, middle and last.
_SAM_RULES: tuple[tuple[str, str], ...] = (
    (r"shared_image_embedding\.positional_embedding", "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"),
    (
        r"prompt_encoder\.shared_embedding\.positional_embedding",
        "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
    ),
    (r"prompt_encoder\.point_embed\.(\d+)\.(\w+)", r"prompt_encoder.point_embeddings.\1.\2"),
    (r"prompt_encoder\.mask_embed\.conv1\.(\w+)", r"prompt_encoder.mask_downscaling.0.\1"),
    (r"prompt_encoder\.mask_embed\.layer_norm1\.(\w+)", r"prompt_encoder.mask_downscaling.1.\1"),
    (r"prompt_encoder\.mask_embed\.conv2\.(\w+)", r"prompt_encoder.mask_downscaling.3.\1"),
    (r"prompt_encoder\.mask_embed\.layer_norm2\.(\w+)", r"prompt_encoder.mask_downscaling.4.\1"),
    (r"prompt_encoder\.mask_embed\.conv3\.(\w+)", r"prompt_encoder.mask_downscaling.6.\1"),
    (r"vision_encoder\.patch_embed\.projection\.(\w+)", r"image_encoder.patch_embed.proj.\1"),
    (r"vision_encoder\.neck\.conv1\.(\w+)", r"image_encoder.neck.0.\1"),
    (r"vision_encoder\.neck\.layer_norm1\.(\w+)", r"image_encoder.neck.1.\1"),
    (r"vision_encoder\.neck\.conv2\.(\w+)", r"image_encoder.neck.2.\1"),
    (r"vision_encoder\.neck\.layer_norm2\.(\w+)", r"image_encoder.neck.3.\1"),
    (r"vision_encoder\.layers\.(\d+)\.layer_norm(\d)\.(\w+)", r"image_encoder.blocks.\1.norm\2.\3"),
    (r"vision_encoder\.layers\.(.+)", r"image_encoder.blocks.\1"),
    (r"vision_encoder\.(.+)", r"image_encoder.\1"),
    (
        r"mask_decoder\.transformer\.layers\.(\d+)\.layer_norm(\d)\.(\w+)",
        r"mask_decoder.transformer.layers.\1.norm\2.\3",
    ),
    (r"mask_decoder\.transformer\.layer_norm_final_attn\.(\w+)", r"mask_decoder.transformer.norm_final_attn.\1"),
    (r"mask_decoder\.upscale_conv1\.(\w+)", r"mask_decoder.output_upscaling.0.\1"),
    (r"mask_decoder\.upscale_layer_norm\.(\w+)", r"mask_decoder.output_upscaling.1.\1"),
    (r"mask_decoder\.upscale_conv2\.(\w+)", r"mask_decoder.output_upscaling.3.\1"),
    (
        r"(mask_decoder\.(?:output_hypernetworks_mlps\.\d+|iou_prediction_head))\.proj_in\.(\w+)",
        r"\1.layers.0.\2",
    ),
    (
        r"(mask_decoder\.(?:output_hypernetworks_mlps\.\d+|iou_prediction_head))\.layers\.0\.(\w+)",
        r"\1.layers.1.\2",
    ),
    (
        r"(mask_decoder\.(?:output_hypernetworks_mlps\.\d+|iou_prediction_head))\.proj_out\.(\w+)",
        r"\1.layers.2.\2",
    ),
    (r"(.+)", r"\1"),
)
_PARTS: tuple[tuple[str, str], ...] = (
    (f"{SAM_PREFIX}image_encoder.", "SAM image encoder"),
    (f"{SAM_PREFIX}prompt_encoder.", "SAM prompt encoder"),
    (f"{SAM_PREFIX}mask_decoder.", "SAM mask decoder"),
    ("model.mm_projector.", "projector"),
    ("model.text_hidden_fcs.", "read-out network"),
    ("model.", "language model"),
    ("lm_head.", "language model"),
    ("", "nutrition heads"),
)
_SIZES: dict[str, int] = {
    # The largest that is believed: a table of sizes from elsewhere must not make this machine build a giant.
    "vocab_size": 1_000_000,
    "hidden_size": 65_536,
    "intermediate_size": 262_144,
    "num_hidden_layers": 256,
    "num_attention_heads": 512,
    "num_key_value_heads": 512,
    "max_position_embeddings": 10_000_000,
}
_LANGUAGE_FIELDS = (
    *_SIZES,
    "hidden_act",
    "initializer_range",
    "rms_norm_eps",
    "pad_token_id",
    "bos_token_id",
    "eos_token_id",
    "rope_theta",
    "rope_scaling",
    "attention_bias",
)
_CLIP_FIELDS = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_channels",
    "image_size",
    "patch_size",
    "projection_dim",
    "hidden_act",
    "layer_norm_eps",
)
_FEATURES = {"patch": "default", "cls_patch": "full"}
_OTHER_MODEL = "Only FoodLMM-Chat and LISA-7B in the form of their authors' repositories can be converted."


def released_name(ours: str) -> str | None:
    """The published name of a weight of `FoodLMMForConditionalGeneration`; None for CLIP's, which are not published.

    Two of our names share one published weight: SAM's position code is kept in two places.
    """
    if ours.startswith(VISION_TOWER):
        return None
    if ours.startswith("sam."):
        inner = ours.removeprefix("sam.")
        for pattern, replacement in _SAM_RULES:
            fit = re.fullmatch(pattern, inner)
            if fit:
                return SAM_PREFIX + fit.expand(replacement)
    if ours.startswith("heads."):
        _, head, kind = ours.split(".")
        return f"{_HEADS[head]}.{kind}"
    for prefix, theirs in (
        ("model.language_model.", "model."),
        ("model.multi_modal_projector.", "model.mm_projector."),
        ("text_fc.", "model.text_hidden_fcs.0."),
    ):
        if ours.startswith(prefix):
            return theirs + ours.removeprefix(prefix)
    return ours


def key_map(ours: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """From each published key to our one or two.

    Args:
        ours: names in the state dict of our model.
    """
    targets: dict[str, tuple[str, ...]] = {}
    for name in ours:
        released = released_name(name)
        if released is not None:
            targets[released] = (*targets.get(released, ()), name)
    return targets


def vision_key_map(ours: Iterable[str]) -> dict[str, str]:
    """From each key of CLIP's vision model, without `vision_model.`, to ours."""
    return {
        name.removeprefix(VISION_TOWER).removeprefix("vision_model."): name
        for name in ours
        if name.startswith(VISION_TOWER)
    }


def vision_key(key: str) -> str | None:
    """A key of a CLIP checkpoint without the level `vision_model.`, which some versions have; None for what is dropped.

    Dropped are the text side, the projections into the common space, and the buffer of position numbers.
    """
    text_side = ("text_model.", "text_projection.", "visual_projection.", "logit_scale")
    if key.startswith(text_side) or key.endswith(".position_ids"):
        return None
    return key.removeprefix("vision_model.")


def is_dropped(released: str) -> bool:
    """Whether a published key is not needed: computed by the code (`rotary_emb.inv_freq`), or CLIP's."""
    return released.endswith(".rotary_emb.inv_freq") or "vision_tower" in released


def part_of(released: str) -> str:
    """The part of the model that a published key belongs to, as in `EXPECTED_COUNTS`."""
    return next(part for prefix, part in _PARTS if released.startswith(prefix))


def counts_by_part(released: Iterable[str]) -> dict[str, int]:
    """How many keys each part has."""
    return dict(Counter(map(part_of, released)))


def read_special_ids(folder: Path) -> Vocabulary:
    """Ids of the special tokens of a published tokenizer: FoodLMM's where it has `[SEG1]`, LISA's otherwise.

    Raises:
        CheckpointError: its files are absent or damaged, lack tokens, or have them in another order than the released
            code makes.
    """
    try:
        tokenizer = LegacyLlamaTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"{folder} has no tokenizer that can be read: {reason}",
            hint="Fetch tokenizer.model, added_tokens.json, special_tokens_map.json and tokenizer_config.json as well.",
        ) from error
    numbered = sum(re.fullmatch(r"\[SEG\d+\]", token) is not None for token in tokenizer.get_added_vocab())
    return read_vocabulary(tokenizer, max_segments=numbered)


@dataclass(frozen=True, slots=True)
class ReleasedConfig:
    """A published `config.json`, as it is.

    Attributes:
        path: the file.
        raw: its content.
    """

    path: Path
    raw: Mapping[str, Any]

    @property
    def use_im_start_end(self) -> bool:
        """Whether prompts put `<im_start>` and `<im_end>` around the picture."""
        return bool(self.field("mm_use_im_start_end", bool, True))

    def field(self, name: str, kind: type | tuple[type, ...], default: Any) -> Any:
        """A field's value, the default where the file has none or null.

        Raises:
            CheckpointError: it is of another type.
        """
        value = self.raw.get(name)
        if value is None:
            return default
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise CheckpointError(f"{self.path}: {name} is {value!r}.", hint="The file is damaged; fetch it again.")
        return value

    def to_config(
        self, ids: Vocabulary, vision: CLIPVisionConfig | None = None, sam: SamConfig | None = None
    ) -> FoodLMMConfig:
        """Our configuration: every field that the file has, the paper's for the rest.

        Args:
            ids: of the tokenizer beside the file. LISA's `[SEG]` becomes number 1.
            vision: CLIP's configuration; ViT-L/14 at 224 px by default.
            sam: SAM's configuration, which the file does not tell; ViT-H by default.

        Raises:
            CheckpointError: fields of a wrong type, contradictory sizes, or another kind of model.
        """
        paper = FoodLMMConfig.paper()
        try:
            vision, sam = vision or paper.vision_config, sam or released_sam(paper.sam_config)
            self._refuse_others(vision, sam)
            language = LlamaConfig(**self._language(paper.text_config))
            self._refuse_small_vocabulary(language.vocab_size, ids)
            features = _FEATURES[self.field("mm_vision_select_feature", str, "patch")]
            segments = ids.segments or (ids.segment,)
            patches = (vision.image_size // vision.patch_size) ** 2 + (features == "full")
            return FoodLMMConfig(
                vision_config=vision,
                text_config=language,
                sam_config=sam,
                image_token_index=ids.image_patch,
                image_seq_length=patches,
                vision_feature_layer=self.field("mm_vision_select_layer", int, paper.vision_feature_layer),
                vision_feature_select_strategy=features,
                projector_type="linear",
                max_segments=len(segments),
                segment_token_ids=list(segments),
                plain_segment_token_id=ids.segment if ids.segments else None,
                nutrition_token_ids=[list(tokens) for tokens in ids.nutrition] or None,
                nutrition_heads=bool(ids.nutrition),
                nutrition_scale=[1.0] * len(HEADS),
                bos_token_id=language.bos_token_id,
                eos_token_id=language.eos_token_id,
                pad_token_id=language.pad_token_id,
                architectures=["FoodLMMForConditionalGeneration"],
            )
        except (StrictDataclassError, ValueError, TypeError, KeyError, ArithmeticError) as error:
            reason = " ".join(str(error).split())[:200]
            raise CheckpointError(f"{self.path} describes no model: {reason}", hint=_OTHER_MODEL) from error

    def _language(self, paper: LlamaConfig) -> dict[str, Any]:
        for name, largest in _SIZES.items():
            if not 0 < self.field(name, int, 1) <= largest:
                raise CheckpointError(f"{self.path}: {name} is {self.raw[name]!r}.", hint=_OTHER_MODEL)
        fields = {name: self.raw[name] for name in _LANGUAGE_FIELDS if self.raw.get(name) is not None}
        plain = (name for name in _LANGUAGE_FIELDS if not name.startswith("rope_"))
        base = {name: getattr(paper, name) for name in plain}
        if "num_key_value_heads" not in fields:
            base["num_key_value_heads"] = None  # as many as there are attention heads, whose number the file may give
        return {**base, **fields, "tie_word_embeddings": False}

    def _refuse_others(self, vision: CLIPVisionConfig, sam: SamConfig) -> None:
        kind = self.raw.get("model_type")
        if kind == FoodLMMConfig.model_type:
            raise CheckpointError(f"{self.path.parent} is converted already.", hint="Use the folder as it is.")
        if kind not in {"llava", None}:
            raise CheckpointError(f"{self.path}: the model type is {kind!r}, not 'llava'.", hint=_OTHER_MODEL)
        told = {
            "tie_word_embeddings": (self.field("tie_word_embeddings", bool, False), False),
            "mm_projector_type": (self.field("mm_projector_type", str, "linear"), "linear"),
            "mm_hidden_size": (self.field("mm_hidden_size", int, vision.hidden_size), vision.hidden_size),
            "out_dim": (
                self.field("out_dim", int, sam.mask_decoder_config.hidden_size),
                sam.mask_decoder_config.hidden_size,
            ),
        }
        for name, (value, wanted) in told.items():
            if value != wanted:
                raise CheckpointError(f"{self.path}: {name} is {value!r}, not {wanted!r}.", hint=_OTHER_MODEL)

    def _refuse_small_vocabulary(self, rows: int, ids: Vocabulary) -> None:
        if rows < ids.size:
            raise CheckpointError(
                f"{self.path}: a vocabulary of {rows:,} is too small for the tokenizer's {ids.size:,} tokens.",
                hint="The tokenizer's files belong to another checkpoint; fetch all from one repository.",
            )


def released_sam(sam: SamConfig) -> SamConfig:
    """SAM's configuration with the original's epsilon in the mask decoder's transformer.

    The original leaves torch's 1e-5 there; transformers has 1e-6 for the whole decoder.
    """
    sam.mask_decoder_config.layer_norm_eps = 1e-5
    return sam


def read_released_config(folder: Path) -> ReleasedConfig:
    """The `config.json` of a published checkpoint, without transformers' reading of it.

    Raises:
        CheckpointError: it is absent or no JSON object.
    """
    path = folder / "config.json"
    return ReleasedConfig(path, read_json_object(path))


def read_vision_config(folder: Path) -> CLIPVisionConfig:
    """CLIP's vision part from the `config.json` of a whole CLIP or of its vision model.

    Raises:
        CheckpointError: it is absent, damaged, or of another model.
    """
    path = folder / "config.json"
    raw = read_json_object(path)
    part = raw.get("vision_config", raw)
    if not isinstance(part, dict) or raw.get("model_type") not in {"clip", "clip_vision_model"}:
        raise CheckpointError(f"{path} is not a CLIP's.", hint="Give a folder of openai/clip-vit-large-patch14.")
    fields = {name: part[name] for name in _CLIP_FIELDS if part.get(name) is not None}
    if any(type(value) is int and not 0 < value <= 65_536 for value in fields.values()):
        raise CheckpointError(f"{path} has sizes beyond belief.", hint="The file is damaged; fetch it again.")
    try:
        return CLIPVisionConfig(**fields)
    except (StrictDataclassError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{path} describes no CLIP: {reason}", hint="Fetch the file again.") from error


__all__ = [
    "EXPECTED_COUNTS",
    "VISION_TOWER",
    "ReleasedConfig",
    "counts_by_part",
    "is_dropped",
    "key_map",
    "part_of",
    "read_released_config",
    "read_special_ids",
    "read_vision_config",
    "released_name",
    "released_sam",
    "vision_key",
    "vision_key_map",
]
