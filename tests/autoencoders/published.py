"""States under the names of published repositories, drawn at random: what their files hold, tensor by tensor."""

import torch


def drawn(shapes, *, seed=4):
    """Norms near 1, biases near 0, other tensors of such a size that what goes through keeps its spread."""
    generator, state = torch.Generator().manual_seed(seed), {}
    for name, shape in shapes.items():
        noise = torch.randn(shape, generator=generator)
        if name.endswith("bias"):
            state[name] = 0.1 * noise
        elif len(shape) == 1:
            state[name] = 1 + 0.1 * noise
        else:
            state[name] = noise * (2 / torch.Size(shape[1:]).numel()) ** 0.5
    return state


def conv(name, outputs, inputs, side=3, *, bias=True):
    return {f"{name}.weight": (outputs, inputs, side, side)} | ({f"{name}.bias": (outputs,)} if bias else {})


def norm(name, width):
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def res_block(name, inputs, width, *, bias=True):
    shapes = norm(f"{name}.norm1", inputs) | conv(f"{name}.conv1", width, inputs, bias=bias)
    shapes |= norm(f"{name}.norm2", width) | conv(f"{name}.conv2", width, width, bias=bias)
    return shapes | (conv(f"{name}.nin_shortcut", width, inputs, 1, bias=bias) if inputs != width else {})


def attention(name, width, *, joined=False):
    shapes = norm(f"{name}.norm", width) | conv(f"{name}.proj_out", width, width, 1)
    for part, outputs in {"qkv": 3 * width}.items() if joined else dict.fromkeys("qkv", width).items():
        shapes |= conv(f"{name}.{part}", outputs, width, 1)
    return shapes


def middle(half, width, *, joined=False):
    shapes = res_block(f"{half}.mid.block_1", width, width) | attention(f"{half}.mid.attn_1", width, joined=joined)
    return shapes | res_block(f"{half}.mid.block_2", width, width)


def cosmos(halved=1, *, start=32, widths=(64, 64), blocks=1, patch=4, latent=16):
    """Codes of six numbers; `halved` steps to half the size after the first levels of the encoder."""
    last = len(widths) - 1
    shapes = conv("encoder.conv_in", start, 3 * patch**2) | conv("quant_conv", 6, latent, 1)
    shapes |= conv("post_quant_conv", latent, 6, 1) | conv("decoder.conv_in", widths[-1], latent)
    for half in ("encoder", "decoder"):
        shapes |= middle(half, widths[-1]) | norm(f"{half}.norm_out", widths[-1 if half == "encoder" else 0])
    for level, width in enumerate(widths):
        before = (start, *widths)[level]
        for block in range(blocks):
            shapes |= res_block(f"encoder.down.{level}.block.{block}", width if block else before, width)
        if level < halved:
            shapes |= conv(f"encoder.down.{level}.downsample.conv", width, width)
        before = widths[min(level + 1, last)]
        for block in range(blocks + 1):
            shapes |= res_block(f"decoder.up.{level}.block.{block}", width if block else before, width)
        if level > last - halved:
            shapes |= conv(f"decoder.up.{level}.upsample.conv", width, width)
    shapes |= conv("encoder.conv_out", latent, widths[-1]) | conv("decoder.conv_out", 3 * patch**2, widths[0])
    return drawn(shapes)


def magvit2(widths=(32, 64), *, blocks=2, bits=5):
    shapes = conv("encoder.conv_in", widths[0], 3, bias=False) | conv("encoder.conv_out", bits, widths[-1], 1)
    shapes |= conv("decoder.conv_in", widths[-1], bits) | conv("decoder.conv_out", 3, widths[0])
    for half in ("encoder", "decoder"):
        shapes |= norm(f"{half}.norm_out", widths[-1 if half == "encoder" else 0])
        for block in range(blocks):
            shapes |= res_block(f"{half}.mid_block.{block}", widths[-1], widths[-1], bias=False)
    for level, width in enumerate(widths):
        finer, coarser = widths[max(0, level - 1)], widths[min(level + 1, len(widths) - 1)]
        for block in range(blocks):
            shapes |= res_block(f"encoder.down.{level}.block.{block}", width if block else finer, width, bias=False)
            shapes |= res_block(f"decoder.up.{level}.block.{block}", width if block else coarser, width, bias=False)
        if level < len(widths) - 1:
            shapes |= conv(f"encoder.down.{level}.downsample", width, width)
        if level:
            shapes |= conv(f"decoder.up.{level}.upsample.conv1", 4 * width, width)
        for part in ("gamma", "beta"):
            shapes[f"decoder.adaptive.{level}.{part}.weight"] = (coarser, bits)
            shapes[f"decoder.adaptive.{level}.{part}.bias"] = (coarser,)
    return drawn(shapes)


def transformer(half, width, layers):
    shapes = {}
    for name in ("ln_pre", "ln_post"):
        shapes |= norm(f"{half}.{name}", width)
    for layer in range(layers):
        where = f"{half}.transformer.{layer}"
        shapes |= norm(f"{where}.ln_1", width) | norm(f"{where}.ln_2", width)
        shapes |= {f"{where}.attn.in_proj_weight": (3 * width, width), f"{where}.attn.in_proj_bias": (3 * width,)}
        for part, outputs, inputs in (
            ("attn.out_proj", width, width),
            ("mlp.c_fc", 4 * width, width),
            ("mlp.c_proj", width, 4 * width),
        ):
            shapes |= {f"{where}.{part}.weight": (outputs, inputs), f"{where}.{part}.bias": (outputs,)}
    return shapes


def titok(first, *, edge=32, patch=8, tokens=6, codes=37, dim=5, widths=(64, 128), layers=(2, 1)):
    """The first release, with the pixel decoder of MaskGIT, or the later one."""
    side, shapes = edge // patch, {"latent_tokens": (tokens, widths[0]), "quantize.embedding.weight": (codes, dim)}
    for half, width, count in zip(("encoder", "decoder"), widths, layers, strict=True):
        shapes |= transformer(half, width, count)
        shapes |= {
            f"{half}.class_embedding": (1, width),
            f"{half}.positional_embedding": (side**2 + 1, width),
            f"{half}.latent_token_positional_embedding": (tokens, width),
        }
    shapes |= conv("encoder.patch_embed", widths[0], 3, patch) | conv("encoder.conv_out", dim, widths[0], 1)
    shapes |= {"decoder.decoder_embed.weight": (widths[1], dim), "decoder.decoder_embed.bias": (widths[1],)}
    shapes["decoder.mask_token"] = (1, 1, widths[1])
    if first:
        shapes |= conv("decoder.ffn.0", 2 * widths[1], widths[1], 1) | conv("decoder.ffn.2", 13, 2 * widths[1], 1)
        shapes |= {"pixel_quantize.embedding.weight": (13, 7)} | maskgit(7, (32, 32, 64, 64))
    else:
        shapes |= conv("decoder.ffn.0", 3 * patch**2, widths[1], 1) | conv("decoder.conv_out", 3, 3)
    state = drawn(shapes)
    for name in ("latent_tokens", "encoder.positional_embedding", "decoder.positional_embedding"):
        state[name] = 4 * state[name]  # as far apart as patches, or all codes would be one
    return state


def maskgit(dim, widths, blocks=2):
    shapes = conv("pixel_decoder.conv_in", widths[-1], dim) | conv("pixel_decoder.conv_out", 3, widths[0])
    shapes |= norm("pixel_decoder.norm_out", widths[0])
    for block in range(blocks):
        shapes |= res_block(f"pixel_decoder.mid.{block}", widths[-1], widths[-1], bias=False)
    for level, width in enumerate(widths):
        coarser = widths[min(level + 1, len(widths) - 1)]
        for block in range(blocks):
            name = f"pixel_decoder.up.{level}.block.{block}"
            shapes |= res_block(name, width if block else coarser, width, bias=False)
            if f"{name}.nin_shortcut.weight" in shapes:
                shapes[f"{name}.nin_shortcut.weight"] = (width, width, 1, 1)
        shapes |= conv(f"pixel_decoder.up.{level}.upsample_conv", width, width) if level else {}
    return shapes


def var(widths=(32, 64), *, blocks=1, dim=8, codes=37, phis=4):
    """Attention at the last level; latents about as far apart as codes."""
    last = len(widths) - 1
    shapes = conv("encoder.conv_in", widths[0], 3) | conv("encoder.conv_out", dim, widths[-1])
    shapes |= conv("decoder.conv_in", widths[-1], dim) | conv("decoder.conv_out", 3, widths[0])
    for half in ("encoder", "decoder"):
        shapes |= middle(half, widths[-1], joined=True) | norm(
            f"{half}.norm_out", widths[-1 if half == "encoder" else 0]
        )
    for level, width in enumerate(widths):
        finer, coarser = widths[max(0, level - 1)], widths[min(level + 1, last)]
        for half, side, before in (("encoder", "down", finer), ("decoder", "up", coarser)):
            for block in range(blocks + (side == "up")):
                where = f"{half}.{side}.{level}"
                shapes |= res_block(f"{where}.block.{block}", width if block else before, width)
                shapes |= attention(f"{where}.attn.{block}", width, joined=True) if level == last else {}
        shapes |= conv(f"encoder.down.{level}.downsample.conv", width, width) if level < last else {}
        shapes |= conv(f"decoder.up.{level}.upsample.conv", width, width) if level else {}
    shapes |= conv("quant_conv", dim, dim) | conv("post_quant_conv", dim, dim)
    for phi in range(phis):
        shapes |= conv(f"quantize.quant_resi.qresi_ls.{phi}", dim, dim)
    state = drawn(shapes | {"quantize.embedding.weight": (codes, dim)})
    return state | {"quantize.ema_vocab_hit_SV": torch.zeros(10, codes)}
