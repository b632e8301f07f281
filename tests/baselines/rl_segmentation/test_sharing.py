"""Work that is done once instead of several times gives the same results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from trl import GRPOTrainer

from baselines.rl_segmentation.sharing import LeanPasses, distinct, share_pictures
from foodbench.models.qwen_seg.checkpoint import load_model
from tests.baselines.rl_segmentation.training_helpers import SIDE, letters, logged, trainer

PATCHES, VALUES = (SIDE // 14) ** 2, 3 * 2 * 14 * 14


def pictures(pattern: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Patches of one picture for each letter; equal letters, equal pictures."""
    rng = torch.Generator().manual_seed(1)
    kinds = {letter: torch.randn(PATCHES, VALUES, generator=rng) for letter in sorted(set(pattern))}
    return torch.cat([kinds[letter] for letter in pattern]), torch.tensor([[1, 2, 2]] * len(pattern))


@pytest.mark.parametrize(
    ("pattern", "first", "places"),
    [
        ("a", [0], [0]),
        ("aaaa", [0], [0, 0, 0, 0]),
        ("abab", [0, 1], [0, 1, 0, 1]),
        ("abc", [0, 1, 2], [0, 1, 2]),
        ("aabbba", [0, 2], [0, 0, 1, 1, 1, 0]),
    ],
)
def test_equal_pictures_are_found(pattern: str, first: list[int], places: list[int]) -> None:
    pixels, grids = pictures(pattern)
    assert distinct(pixels.split(PATCHES), grids) == (first, places)


def test_pictures_with_equal_sums_or_shapes_are_not_taken_for_equal() -> None:
    one = torch.arange(8.0).view(4, 2)
    assert distinct((one, one.flip(0)), torch.tensor([[1, 2, 2], [1, 2, 2]])) == ([0, 1], [0, 1])
    assert distinct((one, one), torch.tensor([[1, 4, 1], [1, 2, 2]])) == ([0, 1], [0, 1])


@pytest.mark.parametrize("pattern", ["aabb", "abca", "aaaa", "abcd"])
def test_features_and_gradients_are_those_of_all_pictures(checkpoint: Path, pattern: str) -> None:
    pixels, grids = pictures(pattern)
    results = []
    for shared in (False, True):
        model, _ = load_model(checkpoint)
        looked: list[int] = []
        model.model.visual.patch_embed.register_forward_hook(lambda *call, looked=looked: looked.append(len(call[2])))
        if shared:
            share_pictures(model)
        features = torch.cat(model.get_image_features(pixels, grids, return_dict=True).pooler_output)
        (features * torch.linspace(0, 1, features.numel()).view_as(features)).sum().backward()
        gradient = model.model.visual.merger.mlp[0].weight.grad
        results.append((features.detach(), gradient, looked))
    (plain, plain_gradient, plain_looked), (found, gradient, looked) = results
    assert found == pytest.approx(plain, abs=1e-5)
    assert gradient == pytest.approx(plain_gradient, abs=1e-4)
    assert (plain_looked, looked) == ([4 * PATCHES], [len(set(pattern)) * PATCHES])


def test_pictures_of_different_sizes() -> None:
    """Features go with their pictures' shares of the patches."""

    class Tower(torch.nn.Module):
        def forward(self, hidden_states: torch.Tensor, grid_thw: torch.Tensor) -> Any:
            merged = hidden_states.view(-1, 4, hidden_states.shape[-1]).sum(1)

            class Seen:
                last_hidden_state = hidden_states
                pooler_output = merged

            return Seen

    holder = torch.nn.Module()
    holder.visual = Tower()
    small, large = torch.ones(4, 2), 2 * torch.ones(8, 2)
    grids = torch.tensor([[1, 2, 4], [1, 2, 2], [1, 2, 4]])
    share_pictures(holder)
    seen = holder.visual(torch.cat([large, small, large]), grid_thw=grids)
    assert seen.pooler_output[:, 0].tolist() == [8, 8, 4, 8, 8]
    assert seen.last_hidden_state[:, 0].tolist() == [2] * 8 + [1] * 4 + [2] * 8


def passes(checkpoint: Path, folder: Path, mask: torch.Tensor, keep: int, **options: Any) -> list[torch.Tensor]:
    run = trainer(checkpoint, folder, count=2)
    run.model.eval()
    torch.manual_seed(0)
    ids = torch.randint(20, 200, mask.shape)
    found = []
    for method in (GRPOTrainer._get_per_token_logps_and_entropies, LeanPasses._get_per_token_logps_and_entropies):
        with torch.no_grad():
            logps, entropies, _ = method(run, run.model, ids, mask, keep, compute_entropy=True, **options)
        found += [logps, entropies]
    return found


MASKS = {
    "nothing to trim": [[1] * 8, [1] * 8],
    "padding on both sides": [[0, 0, 1, 1, 1, 1, 0, 0], [0, 1, 1, 1, 1, 0, 0, 0]],
    "long answers": [[0, 0, 0, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1, 1, 0]],
    "all answers masked": [[0, 1, 1, 1, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0]],
}


@pytest.mark.parametrize("batch_size", [None, 1, 2])
@pytest.mark.parametrize("name", MASKS)
def test_passes_without_padding_give_the_same(
    checkpoint: Path, tmp_path: Path, name: str, batch_size: int | None
) -> None:
    mask = torch.tensor(MASKS[name])
    logps, entropies, lean_logps, lean_entropies = passes(checkpoint, tmp_path, mask, 4, batch_size=batch_size)
    counted = mask[:, 4:].bool()
    assert lean_logps.shape == logps.shape
    assert lean_logps[counted] == pytest.approx(logps[counted], abs=1e-5)
    assert lean_entropies[counted] == pytest.approx(entropies[counted], abs=1e-5)
    assert not lean_logps[~counted].any()


def test_a_training_with_shared_work_has_the_same_losses(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = trainer(checkpoint, tmp_path / "shared", (letters,), per_device_train_batch_size=8, max_steps=3)
    share_pictures(shared.model)
    shared.train()
    monkeypatch.delattr(LeanPasses, "_get_per_token_logps_and_entropies")
    plain = trainer(checkpoint, tmp_path / "plain", (letters,), per_device_train_batch_size=8, max_steps=3)
    plain.train()
    assert logged(shared, "loss") == pytest.approx(logged(plain, "loss"), abs=1e-5)
    assert logged(shared, "grad_norm") == pytest.approx(logged(plain, "grad_norm"), rel=1e-3)
