"""Shapes and waves, against the library functions that they replace."""

import math

import numpy as np
import pytest

from foodbench.data.kitchen import fields


@pytest.fixture
def points():
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (2, 50, 40)).astype(np.float32)


@pytest.mark.parametrize("harmonic", [1, 2, 3, 5, 11, 12, 15])
def test_angular_wave_is_the_cosine_of_a_multiple_of_the_angle(points, harmonic):
    u, v = points
    phase = 0.7
    expected = np.cos(harmonic * np.arctan2(v, u) - phase)
    found = fields.angular_wave(u, v, harmonic, (math.cos(phase), math.sin(phase)))
    assert np.abs(found - expected).max() < 1e-4
    assert found.dtype == np.float32


def test_angular_wave_needs_a_positive_harmonic(points):
    with pytest.raises(ValueError, match="positive"):
        fields.angular_wave(*points, 0)


def test_wave_is_close_to_a_sine_and_periodic():
    turns = np.linspace(-2, 2, 401, dtype=np.float32)
    assert np.abs(fields.wave(turns) - np.sin(2 * np.pi * turns)).max() < 0.07


def test_small_turn_is_a_unit_vector_of_about_that_angle():
    for angle in (-1.1, -0.4, 0.0, 0.2, 0.9):
        cosine, sine = fields.small_turn(angle)
        assert math.hypot(cosine, sine) == pytest.approx(1)
        assert math.atan2(sine, cosine) == pytest.approx(angle, abs=0.02)


def test_pseudo_angle_rises_with_the_angle():
    angles = np.linspace(-3.1, 3.1, 200)
    pseudo = fields.pseudo_angle(np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32))
    assert (np.diff(pseudo) > 0).all()
    assert -2 <= pseudo.min() < pseudo.max() <= 2


SHAPES = {
    "disc": fields.disc(),
    "box": fields.rounded_box(),
    "capsule": fields.capsule(0.15, 0.08),
    "teardrop": fields.teardrop(0.6),
    "hook": fields.hook(),
    "mushroom": fields.mushroom_slice(),
    "lobed": fields.lobed(6, 0.1, (1.0, 0.0)),
    "blob": fields.blob(np.random.default_rng(3), 0.2),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_within_its_reach_and_not_empty(name):
    shape = SHAPES[name]
    axis = np.linspace(-2, 2, 401, dtype=np.float32)
    v, u = np.meshgrid(axis, axis, indexing="ij")
    inside = shape.distance(u, v) < 1
    assert np.isfinite(shape.distance(u, v)).all()
    assert inside.mean() > 0.01
    assert np.abs(u[inside]).max() <= shape.reach + 0.02
    assert np.abs(v[inside]).max() <= shape.reach + 0.02
