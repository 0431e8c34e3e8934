"""A real run, killed at any moment and started again, ends with the bits of one that was not."""

import signal

from training.forked import losses, processes, weights

from lexel.training import state

CONTRASTIVE = "training.small:contrastive"


def test_a_contrastive_run_that_is_killed_at_twenty_moments_ends_with_the_same_bits(tmp_path):
    """Dual encoder, pictures from the loader, dropout, chunks, average and patience: weights, moments and facts."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    kills = [[(killed, 3 + (7 * kill) % 13, 0, 1, 0.1)] for kill in range(20)]
    alone, last = (whole, 0, 0, 1, 0.1), (killed, 0, 0, 1, 0.1)
    first, *died, end = processes(CONTRASTIVE, [alone], *kills, [last])
    assert (first, end) == ([0], [0])
    assert sum(status == [-signal.SIGKILL] for status in died) >= 8  # then there was nothing left to do
    assert losses(killed) == losses(whole)
    assert all((weights(killed)[name] == value).all() for name, value in weights(whole).items())
    ours, theirs = state.newest(killed), state.newest(whole)
    assert (ours.step, ours.facts) == (theirs.step, theirs.facts)
    names = [path.name for path in theirs.folder.iterdir()]
    assert {"best.safetensors", "ema.safetensors", "model.safetensors", "optimizer.safetensors"} < {*names}
    assert all((ours.folder / name).read_bytes() == (theirs.folder / name).read_bytes() for name in names)
