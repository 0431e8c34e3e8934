"""The others: what else people run a CLIP image tower with, each with the weights of the same `transformers` model.

    transformers      float32, and bfloat16 by autocast
    open_clip         its module, written out: fused nn.MultiheadAttention, pre-norm; the package wants torchvision
    ONNX Runtime      float32; the graph that torch exports from `transformers`
    OpenVINO          float32, and with its hint for bfloat16; the same graph
    products alone    the matrix products of the tower and nothing else: what no tower can beat in float32

All take pixels `[B, 3, 224, 224]` and give vectors. What is not installed is left out, and a line says so.
"""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch.nn import functional
from transformers import CLIPVisionModelWithProjection

from lexel.kernels.processor import multiplies_bfloat16

Way = Callable[[torch.Tensor], object]


class OpenClipShaped(torch.nn.Module):
    """The VisionTransformer of open_clip with OpenAI's activation. Shares the weights of `peer`."""

    def __init__(self, peer: CLIPVisionModelWithProjection) -> None:
        super().__init__()
        tower, embeddings = peer.vision_model, peer.vision_model.embeddings
        self.conv1, self.class_embedding = embeddings.patch_embedding, embeddings.class_embedding
        self.positions = embeddings.position_embedding.weight
        self.ln_pre, self.ln_post = tower.pre_layrnorm, tower.post_layernorm
        self.blocks = torch.nn.Sequential(*(OpenClipBlock(layer) for layer in tower.encoder.layers))
        self.projection = peer.visual_projection

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels [B, 3, H, W] → vectors [B, E]."""
        x = self.conv1(pixels).flatten(2).mT
        x = torch.cat([self.class_embedding.expand(len(x), 1, -1), x], dim=1) + self.positions
        return self.projection(self.ln_post(self.blocks(self.ln_pre(x))[:, 0]))


class OpenClipBlock(torch.nn.Module):
    """The ResidualAttentionBlock of open_clip."""

    def __init__(self, layer: torch.nn.Module) -> None:
        super().__init__()
        old, width = layer.self_attn, layer.layer_norm1.normalized_shape[0]
        parts = (old.q_proj, old.k_proj, old.v_proj)
        self.attention = torch.nn.MultiheadAttention(width, old.num_heads, batch_first=True).requires_grad_(False)
        self.attention.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        self.attention.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        self.attention.out_proj.load_state_dict(old.out_proj.state_dict())
        self.ln_1, self.ln_2, self.fc, self.proj = layer.layer_norm1, layer.layer_norm2, layer.mlp.fc1, layer.mlp.fc2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Tokens [B, n, D]."""
        y = self.ln_1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        y = self.fc(self.ln_2(x))
        return x + self.proj(y * torch.sigmoid(1.702 * y))


def ways(peer: CLIPVisionModelWithProjection, folder: Path, batch: int) -> Iterator[tuple[str, Way]]:
    """Every peer that is installed, by name. `folder` keeps the exported graph between calls."""
    open_clip = OpenClipShaped(peer).eval()
    half = batch == 1 or multiplies_bfloat16()
    if not half:
        print("this processor does not multiply bfloat16: the peers' bfloat16 is timed at batch 1 only")
    yield "transformers", lambda pixels: peer(pixels).image_embeds
    if half:
        yield "transformers autocast", lambda pixels: autocast(lambda x: peer(x).image_embeds, pixels)
    yield "open_clip-shaped", open_clip
    if half:
        yield "open_clip-shaped autocast", lambda pixels: autocast(open_clip, pixels)
    graph = exported(peer, folder)
    if graph and installed("onnxruntime"):
        yield "ONNX Runtime", onnxruntime(graph)
    if graph and installed("openvino"):
        yield "OpenVINO", openvino(graph, batch, "f32")
    if graph and multiplies_bfloat16() and installed("openvino"):  # else it takes seconds a picture
        yield "OpenVINO bf16 hint", openvino(graph, batch, "bf16")


def autocast(way: Way, pixels: torch.Tensor) -> object:
    """The way in bfloat16, as users of torch write it."""
    with torch.autocast("cpu", torch.bfloat16):
        return way(pixels)


def exported(peer: CLIPVisionModelWithProjection, folder: Path) -> Path | None:
    """The model as ONNX."""
    file = folder / "tower.onnx"
    if not file.exists() and installed("onnx") and installed("onnxscript"):
        dynamic = ({0: torch.export.Dim("batch", min=2, max=1024)},)

        class Vectors(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.peer = peer

            def forward(self, pixels: torch.Tensor) -> torch.Tensor:
                return self.peer(pixels).image_embeds

        torch.onnx.export(
            Vectors().eval(),
            (torch.zeros(2, 3, 224, 224),),
            file,
            input_names=["pixels"],
            dynamic_shapes=dynamic,
            dynamo=True,
            verbose=False,
        )
    return file if file.exists() else None


def onnxruntime(graph: Path) -> Way:
    """A session on the CPU with its defaults and as many threads as torch has."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return lambda pixels: torch.from_numpy(session.run(None, {"pixels": pixels.numpy()})[0])


def openvino(graph: Path, batch: int, precision: str) -> Way:
    """A compiled model of this batch, as many threads as torch has."""
    import openvino

    core = openvino.Core()
    model = core.read_model(graph)
    model.reshape([batch, 3, 224, 224])
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    compiled = core.compile_model(model, "CPU", settings)
    return lambda pixels: torch.from_numpy(compiled(pixels.numpy())[0])


def products(peer: CLIPVisionModelWithProjection, batch: int) -> tuple[Callable[[], None], float]:
    """The matrix products of the blocks alone, by torch's own linear; and how many operations they are."""
    config = peer.config
    rows = batch * (1 + (224 // config.patch_size) ** 2)
    layers = peer.vision_model.encoder.layers
    narrow, wide = torch.randn(rows, config.hidden_size), torch.randn(rows, config.intermediate_size)

    def run() -> None:
        for layer in layers:
            attention = layer.self_attn
            for part in (attention.q_proj, attention.k_proj, attention.v_proj, attention.out_proj, layer.mlp.fc1):
                functional.linear(narrow, part.weight, part.bias)
            functional.linear(wide, layer.mlp.fc2.weight, layer.mlp.fc2.bias)

    weights = sum(p.numel() for layer in layers for p in layer.parameters() if p.ndim == 2)
    return run, 2.0 * rows * weights


def installed(module: str) -> bool:
    """Whether the module is there; says so where it is not."""
    there = importlib.util.find_spec(module) is not None
    if not there:
        print(f"{module} is not installed: left out")
    return there
