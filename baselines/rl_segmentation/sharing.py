"""Work that TRL does several times or for nothing: the same pictures for all answers of a question, and padding.

The completions of a group are about one picture, which TRL gives to the vision tower once for each of them: while
generating, for the old probabilities, and in every update. Rollouts are padded to their longest completion, and all
passes over a part of one are made in that length. Where there is no GPU, the probabilities of all tokens are worked
out, the prompt's too, which nobody needs. None of it changes a result beyond rounding.
"""

from __future__ import annotations

from typing import Any

import torch
import trl.trainer.utils
from torch import nn
from transformers.modeling_outputs import BaseModelOutputWithPooling
from trl import GRPOTrainer

_VISION_TOWER = "visual"


def share_pictures(model: nn.Module) -> None:
    """Let a Qwen2.5-VL's vision tower look at each picture of a batch once, however often the batch has it."""
    tower = next(module for name, module in model.named_modules() if name.rpartition(".")[2] == _VISION_TOWER)
    forward = tower.forward

    def shared(hidden_states: torch.Tensor, grid_thw: torch.Tensor, **options: Any) -> Any:
        pictures = hidden_states.split(grid_thw.prod(-1).tolist())
        first, place = distinct(pictures, grid_thw)
        if len(first) == len(pictures):
            return forward(hidden_states, grid_thw=grid_thw, **options)
        seen = forward(torch.cat([pictures[one] for one in first]), grid_thw=grid_thw[first], **options)
        return BaseModelOutputWithPooling(
            last_hidden_state=_repeated(seen.last_hidden_state, grid_thw[first], place),
            pooler_output=_repeated(seen.pooler_output, grid_thw[first], place),
        )

    tower.forward = shared


def distinct(pictures: tuple[torch.Tensor, ...], grids: torch.Tensor) -> tuple[list[int], list[int]]:
    """Which pictures are the first of their kind, and for each picture the place of its like among those.

    Args:
        pictures: patches of each.
        grids: (pictures, 3) numbers of patches.
    """
    # Equal pictures have equal sums, so only those are compared.
    sums = torch.stack([picture.sum(dtype=torch.float64) for picture in pictures]).tolist()
    alike: dict[tuple[float, ...], list[int]] = {}
    first: list[int] = []
    places: list[int] = []
    for number, (picture, grid) in enumerate(zip(pictures, grids.tolist(), strict=True)):
        known = alike.setdefault((sums[number], *grid), [])
        place = next((one for one in known if torch.equal(pictures[first[one]], picture)), None)
        if place is None:
            place = len(first)
            first.append(number)
            known.append(place)
        places.append(place)
    return first, places


def _repeated(features: torch.Tensor, grids: torch.Tensor, places: list[int]) -> torch.Tensor:
    """Features of each picture, from those of the distinct ones; a picture has as many as its share of the patches."""
    patches = grids.prod(-1)
    lengths = (patches * len(features) // patches.sum()).tolist()
    parts = features.split(lengths)
    return torch.cat([parts[place] for place in places])


class LeanPasses(GRPOTrainer):
    """Leaves out of each pass the columns that are padding in all of its rows, and scores the answers' tokens only."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        score_answers_only()

    def _get_per_token_logps_and_entropies(
        self,
        model: nn.Module,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        mm_token_type_ids: torch.Tensor | None = None,
        **options: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        rows = len(input_ids)
        if batch_size is not None and batch_size < rows:
            return self._in_parts(
                model, input_ids, attention_mask, logits_to_keep, batch_size, mm_token_type_ids, options
            )
        used = attention_mask.any(dim=0).nonzero()[:, 0]
        width = input_ids.shape[1]
        begin = int(used[0]) if len(used) else 0
        # One column of the answers stays even if all are masked, so that there is something to return.
        end = max(int(used[-1]) + 1 if len(used) else width, width - logits_to_keep + 1)
        columns = slice(min(begin, width - logits_to_keep - 1), end)
        logps, entropies, aux = super()._get_per_token_logps_and_entropies(
            model,
            input_ids[:, columns],
            attention_mask[:, columns],
            logits_to_keep - (width - end),
            mm_token_type_ids=None if mm_token_type_ids is None else mm_token_type_ids[:, columns],
            **options,
        )
        padding = (0, width - end)
        widened = None if entropies is None else nn.functional.pad(entropies, padding)
        return nn.functional.pad(logps, padding), widened, aux

    def _in_parts(
        self,
        model: nn.Module,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int,
        mm_token_type_ids: torch.Tensor | None,
        options: dict[str, Any],
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        """Part by part, each in a length of its own."""
        found = []
        for start in range(0, len(input_ids), batch_size):
            part = slice(start, start + batch_size)
            found.append(
                self._get_per_token_logps_and_entropies(
                    model,
                    input_ids[part],
                    attention_mask[part],
                    logits_to_keep,
                    mm_token_type_ids=None if mm_token_type_ids is None else mm_token_type_ids[part],
                    **_pictures_of(part, options),
                )
            )
        logps, entropies, auxes = zip(*found, strict=True)
        return (
            torch.cat(logps),
            None if entropies[0] is None else torch.cat(entropies),
            None if auxes[0] is None else torch.stack(auxes).mean(),
        )


def score_answers_only() -> None:
    """Let TRL leave out the prompt's tokens on a CPU as it does on a GPU.

    It scores all positions elsewhere, for the sake of devices that compile a program for each number of them; a CPU
    does not.
    """
    on_gpu = trl.trainer.utils._use_triton
    if not getattr(on_gpu, "with_cpu", False):

        def compact(device: torch.device) -> bool:
            return device.type == "cpu" or on_gpu(device)

        compact.with_cpu = True  # type: ignore[attr-defined]
        trl.trainer.utils._use_triton = compact


def _pictures_of(part: slice, options: dict[str, Any]) -> dict[str, Any]:
    """The options of some rows: their pictures out of all rows'."""
    counts, pixels, grids = (options.get(name) for name in ("num_images", "pixel_values", "image_grid_thw"))
    if counts is None or pixels is None or grids is None:
        return options
    begin, end = sum(counts[: part.start]), sum(counts[: part.stop])
    patches = grids.prod(-1)
    first, last = int(patches[:begin].sum()), int(patches[:end].sum())
    return options | {
        "num_images": counts[part],
        "pixel_values": pixels[first:last],
        "image_grid_thw": grids[begin:end],
    }


__all__ = ["LeanPasses", "distinct", "share_pictures"]
