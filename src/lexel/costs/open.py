"""The open models, each with the numbers of its published processor file.

A name stands for the file on the hub, not for the defaults of a class: Qwen2.5-VL's class stops at 1,003,520 pixels,
its published file at 12,845,056. Every rule was compared with the processor of `transformers` in the release named
below (`bench/cost_processors.py`); where the processor has a counter that looks at sizes only, `tokens` is its answer.
"""

from lexel.costs.anyres import AnyRes
from lexel.costs.canvas import CrossAttention, Llama4
from lexel.costs.fixed import Fixed, Idefics2
from lexel.costs.native import GLM, Gemma4, Pixtral, SmartResize
from lexel.costs.rule import Model, Rule
from lexel.costs.tiles import DeepSeekOCR, Idefics3, InternVL

COMPARED_WITH = "transformers 5.23.0"

_NEXT_CANVASES = ((336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008))
_ONEVISION_CANVASES = tuple((384 * rows, 384 * columns) for rows in range(1, 7) for columns in range(1, 7))
_QWEN2 = SmartResize(cell=28, min_pixels=3_136, max_pixels=12_845_056, video=True)
_QWEN3 = SmartResize(cell=32, min_pixels=65_536, max_pixels=16_777_216)
_GLM = GLM(cell=28, min_pixels=12_544, max_pixels=9_633_792)
_SMOLVLM = Idefics3(tile=512, tokens=64, longest_edge=2_048)
_MISTRAL3 = Pixtral(cell=28, longest_edge=1_540)

_PROCESSOR = "the processor file on the hub"
_PREPROCESSING = "preprocessor_config.json on the hub"
_REPOSITORY = "the model's own repository"

_RULES: tuple[tuple[str, Rule, str, str], ...] = (
    ("blip-2", Fixed(32), "Salesforce/blip2-opt-2.7b", "arXiv 2301.12597"),
    ("deepseek-ocr-base", DeepSeekOCR(side=16), "deepseek-ai/DeepSeek-OCR", _REPOSITORY),
    ("deepseek-ocr-gundam", DeepSeekOCR(side=16, tile=640, tile_side=10), "deepseek-ai/DeepSeek-OCR", _REPOSITORY),
    ("deepseek-ocr-large", DeepSeekOCR(side=20), "deepseek-ai/DeepSeek-OCR", _REPOSITORY),
    ("deepseek-ocr-small", DeepSeekOCR(side=10), "deepseek-ai/DeepSeek-OCR", _REPOSITORY),
    ("deepseek-ocr-tiny", DeepSeekOCR(side=8), "deepseek-ai/DeepSeek-OCR", _REPOSITORY),
    ("gemma-3", Fixed(256), "google/gemma-3-4b-it", _PROCESSOR),
    ("gemma-4", Gemma4(), "google/gemma-4-E2B-it", _PROCESSOR),
    ("glm-4.1v", _GLM, "zai-org/GLM-4.1V-9B-Thinking", _PREPROCESSING),
    ("glm-4.5v", _GLM, "zai-org/GLM-4.5V", _PREPROCESSING),
    ("idefics2", Idefics2(), "HuggingFaceM4/idefics2-8b", _PREPROCESSING),
    (
        "idefics3",
        Idefics3(tile=364, tokens=169, longest_edge=1_456),
        "HuggingFaceM4/Idefics3-8B-Llama3",
        _PREPROCESSING,
    ),
    ("instructblip", Fixed(32), "Salesforce/instructblip-vicuna-7b", "arXiv 2305.06500"),
    ("internvl2.5", InternVL(), "OpenGVLab/InternVL2_5-8B", "arXiv 2412.05271"),
    ("internvl3", InternVL(), "OpenGVLab/InternVL3-8B-hf", _PROCESSOR),
    ("internvl3.5", InternVL(), "OpenGVLab/InternVL3_5-8B-HF", _PROCESSOR),
    ("llama-3.2-vision", CrossAttention(), "meta-llama/Llama-3.2-11B-Vision-Instruct", _PREPROCESSING),
    ("llama-4", Llama4(), "meta-llama/Llama-4-Scout-17B-16E-Instruct", _PREPROCESSING),
    ("llava-1.5", Fixed(576), "llava-hf/llava-1.5-7b-hf", _PROCESSOR),
    ("llava-next", AnyRes(tile=336, side=24, canvases=_NEXT_CANVASES), "llava-hf/llava-v1.6-mistral-7b-hf", _PROCESSOR),
    (
        "llava-onevision",
        AnyRes(tile=384, side=27, canvases=_ONEVISION_CANVASES, most_tiles=9, video=True),
        "llava-hf/llava-onevision-qwen2-7b-ov-hf",
        _PROCESSOR,
    ),
    ("mistral-small-3.1", _MISTRAL3, "mistralai/Mistral-Small-3.1-24B-Instruct-2503", _PREPROCESSING),
    ("paligemma-224", Fixed(256), "google/paligemma-3b-pt-224", _PROCESSOR),
    ("paligemma-448", Fixed(1_024), "google/paligemma-3b-pt-448", _PROCESSOR),
    ("paligemma-896", Fixed(4_096), "google/paligemma-3b-pt-896", _PROCESSOR),
    ("paligemma-2-224", Fixed(256), "google/paligemma2-3b-pt-224", _PROCESSOR),
    ("paligemma-2-448", Fixed(1_024), "google/paligemma2-3b-pt-448", _PROCESSOR),
    ("paligemma-2-896", Fixed(4_096), "google/paligemma2-3b-pt-896", _PROCESSOR),
    ("pixtral", Pixtral(cell=16, longest_edge=1_024), "mistral-community/pixtral-12b", _PREPROCESSING),
    ("qwen2-vl", _QWEN2, "Qwen/Qwen2-VL-7B-Instruct", _PREPROCESSING),
    ("qwen2.5-vl", _QWEN2, "Qwen/Qwen2.5-VL-7B-Instruct", _PREPROCESSING),
    ("qwen3-vl", _QWEN3, "Qwen/Qwen3-VL-8B-Instruct", _PREPROCESSING),
    ("qwen3.5", _QWEN3, "Qwen/Qwen3.5-2B-Base", _PREPROCESSING),
    ("smolvlm-256m", _SMOLVLM, "HuggingFaceTB/SmolVLM-256M-Instruct", _PREPROCESSING),
    ("smolvlm-500m", _SMOLVLM, "HuggingFaceTB/SmolVLM-500M-Instruct", _PREPROCESSING),
    ("smolvlm2-256m", _SMOLVLM, "HuggingFaceTB/SmolVLM2-256M-Video-Instruct", _PREPROCESSING),
    ("smolvlm2-500m", _SMOLVLM, "HuggingFaceTB/SmolVLM2-500M-Video-Instruct", _PREPROCESSING),
)

OPEN: tuple[Model, ...] = tuple(
    Model(name=name, rule=rule, stands_for=hub, dated=COMPARED_WITH, source=source)
    for name, rule, hub, source in _RULES
)
