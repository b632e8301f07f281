"""Configuration of FoodLMM: LLaVA's, plus SAM, the numbered special tokens and the nutrition heads."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, SamConfig

from foodbench.models.foodlmm.tokens import HEADS, PORTION_HEADS


class FoodLMMConfig(LlavaConfig):
    """Shapes and token ids of a FoodLMM.

    Attributes:
        sam_config: the segmenter (image encoder, prompt encoder, mask decoder).
        projector_type: `linear` is the paper's single layer from image to language features; `mlp` is LLaVA-1.5's.
        max_segments: how many numbered ingredients there are tokens for (the paper: 20). LISA, whose one token is
            `[SEG]`, is a model of one number.
        segment_token_ids: ids of `[SEG1]` .. `[SEGn]`; of LISA, the id of `[SEG]`.
        plain_segment_token_id: id of the `[SEG]` that the released FoodLMM keeps from LISA; a mask without a number.
        nutrition_token_ids: per head in the order of `HEADS`: n ids of an ingredient head, one id of a total head.
        nutrition_scale: per head, the unit that it predicts in (value = output * scale). Ones in the paper; the small
            model uses the means of its training data, which brings all heads to the same learning rate.
        nutrition_heads: whether the model has the ten heads; LISA has none.
        heads_dtype: arithmetic of the heads. The paper's model computes in bfloat16, whose steps are 2 kcal at 300 and
            4 kcal at 600; float32 does not round, `bfloat16` repeats the published rounding.
    """

    model_type = "foodlmm"
    sub_configs_defaults: ClassVar[dict[str, Any]] = {**LlavaConfig.sub_configs_defaults, "sam_config": SamConfig}

    sam_config: Any = None
    projector_type: Literal["mlp", "linear"] = "mlp"
    max_segments: int = 20
    segment_token_ids: list[int] | None = None
    plain_segment_token_id: int | None = None
    nutrition_token_ids: list[list[int]] | None = None
    nutrition_scale: list[float] | None = None
    nutrition_heads: bool = True
    heads_dtype: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        if self.nutrition_scale is None:
            self.nutrition_scale = [1.0] * len(HEADS)
        if len(self.nutrition_scale) != len(HEADS):
            raise ValueError(f"nutrition_scale needs {len(HEADS)} values, not {len(self.nutrition_scale)}.")
        if self.segment_token_ids is not None and len(self.segment_token_ids) != self.max_segments:
            raise ValueError(f"segment_token_ids needs max_segments={self.max_segments} ids.")
        if self.nutrition_token_ids is not None:
            if not self.nutrition_heads:
                raise ValueError("A model without nutrition heads has no nutrition_token_ids.")
            wanted = [self.max_segments] * len(PORTION_HEADS) + [1] * len(PORTION_HEADS)
            if [len(ids) for ids in self.nutrition_token_ids] != wanted:
                raise ValueError(f"nutrition_token_ids needs lists of the lengths {wanted}, in the order of {HEADS}.")

    @classmethod
    def paper(cls, *, vocab_size: int = 32129, first_total_id: int = 32004) -> FoodLMMConfig:
        """The paper's sizes: LLaMA-7B, CLIP ViT-L/14 at 224 px, SAM ViT-H, one linear projector, 20 ingredients.

        Args:
            vocab_size: LLaMA's 32,000 tokens, LISA's four and the 125 of FoodLMM.
            first_total_id: id of `[MASS_TOTAL]`; the others follow in the order of `special_tokens`. A released
                checkpoint's own tokenizer has the last word on the ids.
        """
        numbered, per_number = first_total_id + len(PORTION_HEADS), 1 + len(PORTION_HEADS)
        ids = [[numbered + per_number * number + place for number in range(20)] for place in range(per_number)]
        return cls(
            vision_config=CLIPVisionConfig(
                hidden_size=1024,
                intermediate_size=4096,
                num_hidden_layers=24,
                num_attention_heads=16,
                image_size=224,
                patch_size=14,
                projection_dim=768,
            ),
            text_config=LlamaConfig(
                vocab_size=vocab_size,
                hidden_size=4096,
                intermediate_size=11008,
                num_hidden_layers=32,
                num_attention_heads=32,
                max_position_embeddings=2048,
                pad_token_id=0,
            ),
            sam_config=SamConfig(
                vision_config={
                    "hidden_size": 1280,
                    "num_hidden_layers": 32,
                    "num_attention_heads": 16,
                    "global_attn_indexes": [7, 15, 23, 31],
                }
            ),
            image_token_index=32000,
            image_seq_length=256,
            vision_feature_layer=-2,
            projector_type="linear",
            max_segments=20,
            segment_token_ids=ids[0],
            plain_segment_token_id=first_total_id - 1,
            nutrition_token_ids=[*ids[1:], *([first_total_id + place] for place in range(len(PORTION_HEADS)))],
        )


__all__ = ["FoodLMMConfig"]
