"""What published autoencoders compute, from a state under their own names: a call a line, no module of lexel's."""

import torch

F = torch.nn.functional


class Literal:
    """The steps that most share. `state` is what a file holds."""

    def __init__(self, state):
        self.state = state

    def conv(self, x, name, *, stride=1, padding=None):
        weight = self.state[f"{name}.weight"]
        padding = weight.shape[2] // 2 if padding is None else padding
        return F.conv2d(x, weight, self.state.get(f"{name}.bias"), stride=stride, padding=padding)

    def norm(self, x, name):
        """A group norm in its plain formula."""
        groups = x.unflatten(1, (32, -1))
        mean = groups.mean((2, 3, 4), keepdim=True)
        variance = (groups - mean).square().mean((2, 3, 4), keepdim=True)
        same = ((groups - mean) / (variance + 1e-6).sqrt()).flatten(1, 2)
        if name is None:
            return same
        return same * self.state[f"{name}.weight"][:, None, None] + self.state[f"{name}.bias"][:, None, None]

    def swish(self, x):
        return x * x.sigmoid()

    def res(self, x, name):
        y = self.conv(self.swish(self.norm(x, f"{name}.norm1")), f"{name}.conv1")
        y = self.conv(self.swish(self.norm(y, f"{name}.norm2")), f"{name}.conv2")
        return y + (self.conv(x, f"{name}.nin_shortcut") if f"{name}.nin_shortcut.weight" in self.state else x)

    def blocks(self, x, name):
        block = 0
        while f"{name}.{block}.conv1.weight" in self.state:
            x = self.res(x, f"{name}.{block}")
            attention = f"{name.removesuffix('block')}attn.{block}"
            x = self.attention(x, attention) if f"{attention}.norm.weight" in self.state else x
            block += 1
        return x

    def attention(self, x, name):
        b, width, h, w = x.shape
        y = self.norm(x, f"{name}.norm")
        if f"{name}.qkv.weight" in self.state:
            q, k, v = self.conv(y, f"{name}.qkv").flatten(2).chunk(3, 1)
        else:
            q, k, v = (self.conv(y, f"{name}.{part}").flatten(2) for part in "qkv")
        weights = (q.transpose(1, 2) @ k / width**0.5).softmax(2)
        return x + self.conv((v @ weights.transpose(1, 2)).view(b, width, h, w), f"{name}.proj_out")

    def middle(self, x, half):
        x = self.attention(self.res(x, f"{half}.mid.block_1"), f"{half}.mid.attn_1")
        return self.res(x, f"{half}.mid.block_2")

    def levels(self, where):
        """How many levels `where` has."""
        return max(int(name.split(".")[2]) for name in self.state if name.startswith(where)) + 1

    def larger(self, x):
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3)

    def down(self, x):
        """From the first convolution of an encoder on, to its last."""
        x = self.conv(x, "encoder.conv_in")
        for level in range(self.levels("encoder.down.")):
            x = self.blocks(x, f"encoder.down.{level}.block")
            if f"encoder.down.{level}.downsample.conv.weight" in self.state:
                x = self.conv(F.pad(x, (0, 1, 0, 1)), f"encoder.down.{level}.downsample.conv", stride=2, padding=0)
        return self.conv(self.swish(self.norm(self.middle(x, "encoder"), "encoder.norm_out")), "encoder.conv_out")

    def up(self, x):
        """From the first convolution of a decoder on, to its last."""
        x = self.middle(self.conv(x, "decoder.conv_in"), "decoder")
        for level in reversed(range(self.levels("decoder.up."))):
            x = self.blocks(x, f"decoder.up.{level}.block")
            if f"decoder.up.{level}.upsample.conv.weight" in self.state:
                x = self.conv(self.larger(x), f"decoder.up.{level}.upsample.conv")
        return self.conv(self.swish(self.norm(x, "decoder.norm_out")), "decoder.conv_out")
