"""Diffusion autoencoder: the decoder is a small network that takes noise away, step by step, with latents to guide it.

    pixels ─ encoder ─► z ─────────────┬──────────────┬─ …
                                       ▼              ▼
    noise x₁ ─► denoiser(x, t, z) ─► x − v·Δt ─► denoiser ─► … ─► x₀, the picture
                                                                   t from 1 to 0 in ten steps

    x_t = (1 − t)·x + t·ε        v = ε − x = (x_t − x) ÷ t     rectified flow; Euler's steps walk it back

The network says x, from which v follows: noise would not fit through its few channels, a picture does.

What latents do not say is drawn, not blurred. One step gives the mean of all pictures that fit, which has the best
PSNR; more steps look sharper and are further away. The noise depends on the size of the picture and on nothing else, so
that the same latents always give the same picture.

Paper      Preechakul et al. 2021, arXiv 2111.15640; rectified flow: Liu et al. 2022, arXiv 2209.03003
Kind       autoencoder with continuous latents; learned; gives pictures back, not exactly
Needs      weights; `lexel new tokenizer` trains some
Cost       the encoder's, and for each step as much as two decoders
Checked by test_steps_with_the_true_velocity_end_at_the_picture, test_the_same_latents_give_the_same_picture,
           test_velocities_of_diffusion_are_learned, test_a_trained_vocabulary_is_saved_and_loaded_exactly
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from lexel.autoencoders._continuous import Scaling
from lexel.autoencoders._light import FOLD, ChannelNorm, Encoder, Light
from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.shapes import Float

F = torch.nn.functional

STEPS = 10  # from noise to picture
LEAST = 1 / STEPS  # time, as the last step has it: nearer to 0 a velocity would have no bound
SINES = 16  # frequencies of the time, each as sine and cosine


@dataclass(frozen=True, kw_only=True)
class DiffusionConfig:
    """A network. Needs two levels or more: the denoiser works at 4 and at 8 pixels a place.

    channels   numbers a cell
    scaling    latents ↔ unit variance; None before anybody measured it
    """

    light: Light
    channels: int
    scaling: Scaling | None = None

    def __post_init__(self) -> None:
        if len(self.light.decoder) < 2:
            raise BadArguments("a diffusion autoencoder has cells of 8 pixels or more")


class DiffusionAutoencoder(torch.nn.Module):
    """The network, new: at random as torch makes it, but for blocks, which begin as the identity."""

    def __init__(self, config: DiffusionConfig) -> None:
        super().__init__()
        self.config, self.scaling = config, config.scaling
        self.cell, self.width = config.light.cell, config.channels
        self.encoder = Encoder(config.light, outputs=self.width)
        self.denoiser = Denoiser(config.light, guides=self.width)

    def encode(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b C h w"]:
        """Pixels from −1 to 1 → latents."""
        return self.encoder(pixels)

    def decode(self, latents: Float[torch.Tensor, "b C h w"]) -> Float[torch.Tensor, "b 3 H W"]:
        """Latents → pixels of about −1 to 1, from the noise of that size."""
        height, width = (side * self.cell for side in latents.shape[2:])
        draw = torch.Generator().manual_seed(0)
        noise = torch.randn(1, 3, height, width, generator=draw).to(latents).expand(len(latents), 3, height, width)
        return walked(noise, lambda x, t: self.velocity(x, t, latents), steps=STEPS)

    def velocity(
        self, x: Float[torch.Tensor, "b 3 H W"], t: Float[torch.Tensor, "b"], latents: Float[torch.Tensor, "b C h w"]
    ) -> Float[torch.Tensor, "b 3 H W"]:
        """noise − picture, as far as it can be told from pixels at a time."""
        return (x - self.denoiser(x, t, latents)) / t.clamp(min=LEAST)[:, None, None, None]

    def missed(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b 3 H W"]:
        """How far the velocity is from the true one, at times and with noise of torch's generator: what is learned."""
        t, noise = torch.rand(len(pixels), device=pixels.device), torch.randn_like(pixels)
        mixed = torch.lerp(pixels, noise, t[:, None, None, None])
        wrong = pixels - self.denoiser(mixed, t, self.encode(pixels))
        return wrong / t.clamp(min=LEAST)[:, None, None, None]


class Denoiser(torch.nn.Module):
    """The picture in noisy pixels of a time, as latents guide it: at 4 pixels a place, at 8, and at 4 again."""

    def __init__(self, light: Light, *, guides: int) -> None:
        super().__init__()
        fine, coarse = light.decoder[:2]
        pixels, self._cell = 3 * FOLD**2, light.cell
        self.time = torch.nn.Sequential(
            torch.nn.Linear(2 * SINES, coarse), torch.nn.SiLU(), torch.nn.Linear(coarse, coarse), torch.nn.SiLU()
        )
        self.conv_in = torch.nn.Conv2d(pixels + guides, fine, 3, padding=1)
        self.down = torch.nn.Conv2d(4 * fine, coarse, 1)
        self.up = torch.nn.Conv2d(coarse, 4 * fine, 1)
        self.before = torch.nn.ModuleList(TimedBlock(fine, coarse) for _ in range(light.blocks[0]))
        self.middle = torch.nn.ModuleList(TimedBlock(coarse, coarse) for _ in range(light.blocks[1]))
        self.after = torch.nn.ModuleList(TimedBlock(fine, coarse) for _ in range(light.blocks[0]))
        self.norm_out = ChannelNorm(fine)
        self.conv_out = torch.nn.Conv2d(fine, pixels, 3, padding=1)

    def forward(
        self,
        x: Float[torch.Tensor, "b 3 H W"],
        t: Float[torch.Tensor, "b"],
        latents: Float[torch.Tensor, "b C h w"],
    ) -> Float[torch.Tensor, "b 3 H W"]:
        """Pixels without noise, as far as they can be told."""
        angles = t[:, None] * (math.pi / 2 * torch.arange(1, SINES + 1, device=t.device))
        time = self.time(torch.cat([angles.sin(), angles.cos()], dim=1).to(x))
        guides = F.interpolate(latents, scale_factor=self._cell // FOLD, mode="nearest")
        y = self.conv_in(torch.cat([F.pixel_unshuffle(x, FOLD), guides], dim=1))
        for block in self.before:
            y = block(y, time)
        # Sides of an odd number of places are filled up for the coarse level, and cut off again.
        rows, columns = y.shape[2:]
        z = self.down(F.pixel_unshuffle(F.pad(y, (0, columns % 2, 0, rows % 2)), 2))
        for block in self.middle:
            z = block(z, time)
        y = y + F.pixel_shuffle(self.up(z), 2)[:, :, :rows, :columns]
        for block in self.after:
            y = block(y, time)
        return F.pixel_shuffle(self.conv_out(F.silu(self.norm_out(y))), FOLD)


class TimedBlock(torch.nn.Module):
    """x + conv(silu(conv(norm(x) · (1 + a) + b))), a and b of the time."""

    def __init__(self, width: int, times: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(width)
        self.time = torch.nn.Linear(times, 2 * width)
        self.conv1 = torch.nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = torch.nn.Conv2d(width, width, 3, padding=1)
        torch.nn.init.zeros_(self.conv2.weight)

    def forward(
        self, x: Float[torch.Tensor, "b C h w"], time: Float[torch.Tensor, "b T"]
    ) -> Float[torch.Tensor, "b C h w"]:
        """The same size and width."""
        scale, shift = self.time(time)[:, :, None, None].chunk(2, dim=1)
        return x + self.conv2(F.silu(self.conv1(self.norm(x) * (1 + scale) + shift)))


def walked(
    noise: Float[torch.Tensor, "b 3 H W"], velocity: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], *, steps: int
) -> Float[torch.Tensor, "b 3 H W"]:
    """From noise at t = 1 to pixels at t = 0, in equal steps of Euler: x ← x − v·Δt."""
    x = noise
    for step in range(steps):
        t = torch.full((len(x),), 1 - step / steps, device=x.device)
        x = x - velocity(x, t) / steps
    return x
