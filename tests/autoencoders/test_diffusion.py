"""The diffusion autoencoder: Euler's steps, the same picture every time, velocities that are learned."""

import pytest
import torch
from autoencoders.light import diffusion
from training.small import batch_of

from lexel.autoencoders._light import Light
from lexel.autoencoders.diffusion import DiffusionConfig, walked
from lexel.errors import BadArguments
from lexel.training.reconstruct import ReconstructionTask
from lexel.training.trainer import Settings, adamw, update


@pytest.mark.parametrize("steps", [1, 3, 10, 25])
def test_steps_with_the_true_velocity_end_at_the_picture(steps):
    draw = torch.Generator().manual_seed(0)
    pixels, noise = torch.randn(2, 2, 3, 8, 8, generator=draw)
    found = walked(noise, lambda x, t: noise - pixels, steps=steps)
    assert torch.allclose(found, pixels, atol=1e-5)


def test_time_goes_from_one_to_the_last_step_before_zero():
    times = []
    walked(torch.zeros(1, 3, 8, 8), lambda x, t: times.append(float(t[0])) or torch.zeros_like(x), steps=4)
    assert times == [1.0, 0.75, 0.5, 0.25]


def test_the_same_latents_give_the_same_picture():
    network = diffusion().image
    latents = torch.randn(2, 4, 3, 5, generator=torch.Generator().manual_seed(1))
    first = network.decode(latents)
    torch.manual_seed(99)
    assert torch.equal(network.decode(latents), first)
    assert torch.allclose(network.decode(latents[1:]), first[1:], atol=1e-5)


def test_a_velocity_sees_time_noise_and_latents():
    network = diffusion().image
    for parameter in network.parameters():  # the last convolution of a new block is 0
        parameter += 0.1
    x, t, z = torch.zeros(1, 3, 24, 16), torch.full((1,), 0.5), torch.zeros(1, 4, 3, 2)
    base = network.denoiser(x, t, z)
    for other in ((x + 0.1, t, z), (x, t + 0.2, z), (x, t, z + 0.1)):
        assert (network.denoiser(*other) - base).abs().max() > 1e-4


def test_velocities_of_diffusion_are_learned():
    torch.manual_seed(0)
    model = diffusion().train().requires_grad_(True)
    task, batch = ReconstructionTask(model), batch_of(8)
    settings = Settings(100, learning_rate=5e-3, warmup=5, weight_decay=0.0)
    optimizer = adamw(model, settings)
    losses = [update(task, batch, optimizer, settings, step)[0]["loss"] for step in range(100)]
    assert sum(losses[-10:]) / 10 < 0.5 * task.bounds(batch).blind


def test_cells_of_four_pixels_are_refused():
    with pytest.raises(BadArguments, match="8 pixels"):
        DiffusionConfig(light=Light(encoder=(8,), decoder=(8,), blocks=(1,)), channels=4)
