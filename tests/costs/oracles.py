"""The processors of `transformers`, built from the published numbers, as counters of tokens by size.

Each oracle answers one model for a list of (height, width): a number, or None where the processor refuses the size.
Pixel-free counters of the processors are used where they exist; else the processor's own text of an image, on the
grid that its own functions choose.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache
from types import SimpleNamespace

import numpy as np
import torch
from costs.parts import Counter, Size, counter_of, functions_of, part, plain_tokenizer, word_tokenizer
from PIL import Image


def tokens_of(model: str) -> Counter:
    """The oracle of one open model."""
    return _ORACLES[model]()


def modelled() -> list[str]:
    """The open models that have an oracle."""
    return sorted(_ORACLES)


def _llava15() -> Counter:
    image = part("clip.image_processing_pil_clip", "CLIPImageProcessorPil")(crop_size={"height": 336, "width": 336})
    return counter_of(
        part("llava.processing_llava", "LlavaProcessor")(
            image,
            word_tokenizer(),
            patch_size=14,
            vision_feature_select_strategy="default",
            num_additional_image_tokens=1,
        )
    )


def _llava_next() -> Counter:
    image = part("llava_next.image_processing_pil_llava_next", "LlavaNextImageProcessorPil")(
        size={"shortest_edge": 336},
        crop_size={"height": 336, "width": 336},
        image_grid_pinpoints=[[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]],
    )
    return counter_of(
        part("llava_next.processing_llava_next", "LlavaNextProcessor")(
            image,
            word_tokenizer(),
            patch_size=14,
            vision_feature_select_strategy="default",
            num_additional_image_tokens=1,
        )
    )


@cache
def onevision() -> object:
    """LLaVA-OneVision's processor."""
    image = part("llava_onevision.image_processing_pil_llava_onevision", "LlavaOnevisionImageProcessorPil")(
        size={"height": 384, "width": 384},
        image_grid_pinpoints=[[384 * rows, 384 * columns] for rows in range(1, 7) for columns in range(1, 7)],
    )
    processor = object.__new__(part("llava_onevision.processing_llava_onevision", "LlavaOnevisionProcessor"))
    processor.image_processor, processor.tokenizer, processor.num_image_tokens = image, word_tokenizer(), 729
    processor.vision_feature_select_strategy, processor.vision_aspect_ratio = "full", "anyres_max_9"
    return processor


def qwen(patch: int, least: int, most: int, module: str, name: str) -> Counter:
    """A Qwen processor with these limits of pixels."""
    image = part("qwen2_vl.image_processing_pil_qwen2_vl", "Qwen2VLImageProcessorPil")(
        patch_size=patch, merge_size=2, size={"shortest_edge": least, "longest_edge": most}
    )
    processor = object.__new__(part(f"{module}.processing_{module}", name))
    processor.image_processor, processor.tokenizer = image, word_tokenizer()
    return counter_of(processor)


def qwen_video(frames: int, height: int, width: int) -> int:
    """Qwen2-VL's video processor; its two functions, because the module asks for torchvision."""
    functions = functions_of("qwen2_vl/video_processing_qwen2_vl", "smart_resize", "get_num_of_video_patches")
    settings = {
        "size": {"shortest_edge": 3_136, "longest_edge": 12_845_056},
        "patch_size": 14,
        "merge_size": 2,
        "temporal_patch_size": 2,
    }
    return functions.get_num_of_video_patches(None, frames, height, width, settings) // 4


def _glm() -> Counter:
    image = part("glm4v.image_processing_pil_glm4v", "Glm4vImageProcessorPil")(
        patch_size=14, merge_size=2, size={"shortest_edge": 12_544, "longest_edge": 9_633_792}
    )
    processor = object.__new__(part("glm4v.processing_glm4v", "Glm4vProcessor"))
    processor.image_processor, processor.tokenizer = image, word_tokenizer()
    return counter_of(processor)


def internvl(most: int = 12) -> Counter:
    """InternVL's processor with at most this many tiles."""
    image = part("got_ocr2.image_processing_pil_got_ocr2", "GotOcr2ImageProcessorPil")(
        size={"height": 448, "width": 448}, min_patches=1, max_patches=most
    )
    processor = object.__new__(part("internvl.processing_internvl", "InternVLProcessor"))
    processor.image_processor, processor.tokenizer, processor.image_seq_length = image, word_tokenizer(), 256
    return counter_of(processor)


def _sequence(module: str, name: str, length: int) -> Counter:
    """Processors that write the same number of placeholders for every picture."""
    processor = object.__new__(part(f"{module}.processing_{module}", name))
    processor.image_seq_length = length
    return counter_of(processor)


def _queries(module: str, name: str) -> Counter:
    """BLIP-2 and InstructBLIP: the placeholders that the whole processor puts before the text, for two sizes."""
    image = part("blip.image_processing_pil_blip", "BlipImageProcessorPil")(size={"height": 224, "width": 224})
    tokenizers = [plain_tokenizer()] * (2 if module == "instructblip" else 1)
    processor = part(f"{module}.processing_{module}", name)(image, *tokenizers, num_query_tokens=32)

    def one(size: Size) -> int:
        ids = processor(images=Image.new("RGB", size[::-1]), text="a", add_special_tokens=False)["input_ids"]
        return torch.as_tensor(ids).flatten().tolist().count(tokenizers[0].convert_tokens_to_ids("<image>"))

    def count(sizes: Sequence[Size]) -> list[int | None]:
        (number,) = {one((480, 640)), one((3, 7))}
        return [number] * len(sizes)

    return count


def idefics2(split: bool) -> Counter:
    """Idefics2's prompt of one picture and nothing else, by its whole processor; sizes differ only where it refuses."""
    image = part("idefics2.image_processing_pil_idefics2", "Idefics2ImageProcessorPil")(do_image_splitting=split)
    processor = part("idefics2.processing_idefics2", "Idefics2Processor")(image, plain_tokenizer(), image_seq_len=64)

    def one(size: Size) -> int | None:
        try:
            inputs = processor(images=Image.new("RGB", size[::-1]), text="<image>", add_special_tokens=False)
        except ZeroDivisionError:
            return None
        return len(inputs["input_ids"][0])

    usual = cache(lambda: one((300, 500)))
    return lambda sizes: [usual() if min(size) > 1 else one(size) for size in sizes]


def _idefics3() -> Counter:
    image = part("idefics3.image_processing_pil_idefics3", "Idefics3ImageProcessorPil")(
        size={"longest_edge": 1_456}, max_image_size={"longest_edge": 364}
    )
    processor = object.__new__(part("idefics3.processing_idefics3", "Idefics3Processor"))
    processor.image_processor, processor.tokenizer, processor.image_seq_len = image, word_tokenizer(), 169
    return counter_of(processor)


def _smolvlm() -> Counter:
    """SmolVLM has no counter: the grid of its image processor, the text of its processor, the words of that text."""
    image = part("smolvlm.image_processing_pil_smolvlm", "SmolVLMImageProcessorPil")(
        size={"longest_edge": 2_048}, max_image_size={"longest_edge": 512}
    )
    text = part("smolvlm.processing_smolvlm", "get_image_prompt_string")

    @cache
    def length(rows: int, columns: int) -> int:
        prompt = text(rows, columns, 64, "<fake_token_around_image>", "<image>", "<global-img>")
        return len(word_tokenizer()(prompt, add_special_tokens=False)["input_ids"])

    return lambda sizes: [length(*image.get_number_of_image_patches(*size)[1:]) for size in sizes]


def _pixtral(cell: int, edge: int) -> Counter:
    """The counter's module asks for torchvision; its size function does not. A side of 0 cells is refused by Pillow."""
    resized = part("pixtral.image_processing_pil_pixtral", "get_resize_output_image_size")

    def one(size: Size) -> int | None:
        blank = np.broadcast_to(np.uint8(0), (*size, 3))
        height, width = resized(blank, (edge, edge), (cell, cell), "channels_last")
        return (width // cell + 1) * (height // cell) if height and width else None

    return lambda sizes: [one(size) for size in sizes]


def _mllama() -> Counter:
    """Tiles of the canvas that the processor chooses, times the positions of a tile (40 · 40 patches and a class)."""
    canvas = part("mllama.image_processing_pil_mllama", "get_optimal_tiled_canvas")

    def one(size: Size) -> int:
        height, width = canvas(*size, max_image_tiles=4, tile_size=560)
        return int(height * width) // 560**2 * 1601

    return lambda sizes: [one(size) for size in sizes]


def _llama4() -> Counter:
    """The canvas by the image processor's functions, the text by the processor's own."""
    functions = functions_of(
        "llama4/image_processing_llama4", "get_factors", "get_best_fit", "find_supported_resolutions"
    )
    canvases = torch.tensor(functions.find_supported_resolutions(16, SimpleNamespace(height=336, width=336)))
    processor = object.__new__(part("llama4.processing_llama4", "Llama4Processor"))

    @cache
    def text(rows: int, columns: int) -> int:
        return len(re.findall(r"<\|[a-z_]+\|>", processor._prompt_split_image((rows, columns), 144)))

    def one(size: Size) -> int:
        rows, columns = (functions.get_best_fit(size, canvases) // 336).tolist()
        return text(rows, columns)

    return lambda sizes: [one(size) for size in sizes]


def _gemma4() -> Counter:
    processor = object.__new__(part("gemma4.processing_gemma4", "Gemma4Processor"))
    processor.image_processor = part("gemma4.image_processing_pil_gemma4", "Gemma4ImageProcessorPil")()
    processor.tokenizer = word_tokenizer()
    return counter_of(processor)


def _deepseek(side: int, tile: int = 0) -> Counter:
    """Unlimited-OCR's processor writes DeepSeek-OCR's text; the grid is the function that GOT-OCR shares with it."""
    grid = part("got_ocr2.image_processing_pil_got_ocr2", "get_optimal_tiled_canvas")
    processor = object.__new__(part("unlimited_ocr.processing_unlimited_ocr", "UnlimitedOcrProcessor"))
    processor.image_token, processor.patch_size, processor.downsample_ratio = "<image>", 16, 4

    def one(size: Size) -> int:
        columns, rows = grid(size, (tile, tile), 2, 6) if tile and max(size) > tile else (1, 1)
        inputs = {
            "patches_grid": [(columns, rows)],
            "num_local_patches": [columns * rows if tile and max(size) > tile else 0],
        }
        page = {"height": side, "width": side}
        return processor.replace_image_token(inputs, 0, size=page, tile_size=tile or 640).count("<image>")

    return lambda sizes: [one(size) for size in sizes]


_ORACLES: dict[str, Callable[[], Counter]] = {
    "blip-2": lambda: _queries("blip_2", "Blip2Processor"),
    "deepseek-ocr-base": lambda: _deepseek(1024),
    "deepseek-ocr-gundam": lambda: _deepseek(1024, 640),
    "deepseek-ocr-large": lambda: _deepseek(1280),
    "deepseek-ocr-small": lambda: _deepseek(640),
    "deepseek-ocr-tiny": lambda: _deepseek(512),
    "gemma-3": lambda: _sequence("gemma3", "Gemma3Processor", 256),
    "gemma-4": _gemma4,
    "glm-4.1v": _glm,
    "glm-4.5v": _glm,
    "idefics2": lambda: idefics2(split=True),
    "idefics3": _idefics3,
    "instructblip": lambda: _queries("instructblip", "InstructBlipProcessor"),
    "internvl2.5": internvl,
    "internvl3": internvl,
    "internvl3.5": internvl,
    "llama-3.2-vision": _mllama,
    "llama-4": _llama4,
    "llava-1.5": _llava15,
    "llava-next": _llava_next,
    "llava-onevision": lambda: counter_of(onevision()),
    "mistral-small-3.1": lambda: _pixtral(28, 1_540),
    "paligemma-224": lambda: _sequence("paligemma", "PaliGemmaProcessor", 256),
    "paligemma-448": lambda: _sequence("paligemma", "PaliGemmaProcessor", 1_024),
    "paligemma-896": lambda: _sequence("paligemma", "PaliGemmaProcessor", 4_096),
    "paligemma-2-224": lambda: _sequence("paligemma", "PaliGemmaProcessor", 256),
    "paligemma-2-448": lambda: _sequence("paligemma", "PaliGemmaProcessor", 1_024),
    "paligemma-2-896": lambda: _sequence("paligemma", "PaliGemmaProcessor", 4_096),
    "pixtral": lambda: _pixtral(16, 1_024),
    "qwen2-vl": lambda: qwen(14, 3_136, 12_845_056, "qwen2_vl", "Qwen2VLProcessor"),
    "qwen2.5-vl": lambda: qwen(14, 3_136, 12_845_056, "qwen2_5_vl", "Qwen2_5_VLProcessor"),
    "qwen3-vl": lambda: qwen(16, 65_536, 16_777_216, "qwen3_vl", "Qwen3VLProcessor"),
    "qwen3.5": lambda: qwen(16, 65_536, 16_777_216, "qwen3_vl", "Qwen3VLProcessor"),
    "smolvlm-256m": _smolvlm,
    "smolvlm-500m": _smolvlm,
    "smolvlm2-256m": _smolvlm,
    "smolvlm2-500m": _smolvlm,
}
