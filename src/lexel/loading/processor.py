"""How pictures are prepared, in the files of a checkpoint: `Preparation` ↔ `preprocessor_config.json`.

preprocessor_config.json                      Hugging Face: size, crop_size, resample, image_mean, …
processor_config.json                         the same inside "image_processor", as transformers 5 writes it
open_clip_config.json, "preprocess_cfg"       OpenCLIP: resize_mode, interpolation, mean, std
"""

from dataclasses import replace

from PIL import Image

from lexel.errors import LoadError
from lexel.loading.files import JSON, Checkpoint, Fields
from lexel.pictures.prepare import (
    CLIP_MEAN,
    CLIP_STD,
    Area,
    Longest,
    LongestEdge,
    Patches,
    Preparation,
    Resize,
    Shortest,
    Squash,
    Within,
)
from lexel.pictures.published import imagenet

FILE = "preprocessor_config.json"
OPENCLIP = "open_clip_config.json"

UNROUNDED = "DINOv3ViTImageProcessorFast"  # under its published name; transformers 5 reads it without the last word

KERNELS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


def preparation(checkpoint: Checkpoint, *, family: Preparation) -> Preparation:
    """What the checkpoint's own files say, or `family` where it has none. Raises `LoadError` for settings unknown."""
    settings = checkpoint.fields(FILE)
    if settings is None and (whole := checkpoint.fields("processor_config.json")):
        settings = whole.table("image_processor")
    if settings and settings.values:
        said = {name: value for name, value in settings.values.items() if value is not None}  # null: the class default
        return _of_transformers(Fields(said, settings.subject), family)
    native = checkpoint.fields(OPENCLIP)
    if native and "preprocess_cfg" in native:
        return _of_openclip(native, family)
    return family


def written(preparation: Preparation) -> dict[str, JSON]:
    """`preprocessor_config.json` for a preparation that `transformers` can repeat.

    {} for that of autoencoders, which no processor repeats: their config.json says the size.
    """
    if isinstance(preparation.resize, Within):
        return {}
    settings: dict[str, JSON] = {
        "do_rescale": True,
        "do_normalize": True,
        "do_convert_rgb": True,
        "do_resize": preparation.resize is not None,
        "resample": int(preparation.kernel),
        "rescale_factor": preparation.scale,
        "image_mean": list(preparation.mean),
        "image_std": list(preparation.std),
        "do_center_crop": preparation.crop is not None,
        "do_pad": preparation.pad is not None,
    }
    if preparation.crop:
        settings["crop_size"] = {"height": preparation.crop[0], "width": preparation.crop[1]}
    if preparation.pad:
        settings["pad_size"] = {"height": preparation.pad[0], "width": preparation.pad[1]}
    if preparation.rounding != "down":
        settings["crop_rounding"] = preparation.rounding  # ours: transformers reads over it, and rounds down
    if isinstance(preparation.resize, Patches):
        kind = "Siglip2ImageProcessor"
        settings |= {"patch_size": preparation.resize.patch_size, "max_num_patches": preparation.resize.most}
    elif isinstance(preparation.resize, Area):
        kind = "Emu3ImageProcessor"
        settings["spatial_factor"] = preparation.resize.cell
        settings |= {"min_pixels": preparation.resize.least, "max_pixels": preparation.resize.most}
    elif isinstance(preparation.resize, Squash):
        kind = "SiglipImageProcessor"
        settings["size"] = {"height": preparation.resize.size[0], "width": preparation.resize.size[1]}
    elif isinstance(preparation.resize, LongestEdge):
        kind = "SamImageProcessor"
        settings["size"] = {"longest_edge": preparation.resize.edge}
    elif isinstance(preparation.resize, Longest):
        raise LoadError("a letterbox has no preprocessor_config.json: transformers cannot prepare so")
    else:
        kind = "CLIPImageProcessor"
        settings["size"] = {"shortest_edge": preparation.resize.edge} if preparation.resize else None
    return {"image_processor_type": kind if preparation.rounded else UNROUNDED, **settings}


def written_openclip(preparation: Preparation) -> dict[str, JSON]:
    """`preprocess_cfg` for a preparation that OpenCLIP can repeat."""
    names: dict[type, str] = {Shortest: "shortest", Longest: "longest", Squash: "squash"}
    height, width = preparation.crop or (preparation.resize or Squash((0, 0))).target((1, 1))
    return {
        "size": [height, width],
        "mean": list(preparation.mean),
        "std": list(preparation.std),
        "interpolation": next(name for name, kernel in KERNELS.items() if kernel == preparation.kernel),
        "resize_mode": names[type(preparation.resize)],
        "fill_color": preparation.fill,
    }


def _of_transformers(settings: Fields, family: Preparation) -> Preparation:
    if "crop_pct" in settings:
        settings, family = _share(settings)
    scale = settings.number("rescale_factor", 1 / 255) if settings.flag("do_rescale", True) else 1.0
    normalised = settings.flag("do_normalize", True)
    kind = settings.text("image_processor_type")
    return Preparation(
        resize=_resize(settings, family) if settings.flag("do_resize", True) else None,
        crop=_crop(settings, family),
        rounding="even" if settings.text("crop_rounding") == "even" else "down",
        kernel=_kernel(settings, family),
        scale=scale,
        mean=settings.three("image_mean", family.mean) if normalised else (0.0, 0.0, 0.0),
        std=settings.three("image_std", family.std) if normalised else (1.0, 1.0, 1.0),
        pad=_pad(settings, family),
        rounded=kind.removesuffix("Fast") != UNROUNDED.removesuffix("Fast") if kind else family.rounded,
    )


def _share(settings: Fields) -> tuple[Fields, Preparation]:
    """Settings of `ConvNextImageProcessor` (ResNet's) without those of size, and the preparation that these say."""
    share = settings.number("crop_pct", 0.875)
    old = isinstance(settings.values.get("size"), int)
    edge = settings.count("size", 384) if old else settings.table("size").count("shortest_edge", 384)
    if not 0.1 <= share <= 1 or settings.flag("do_center_crop", False):
        raise LoadError(f"crop_pct is {share}, expected 0.1…1 and no other crop", subject=settings.subject)
    rest = {name: value for name, value in settings.values.items() if name not in ("size", "do_center_crop")}
    said = imagenet(edge, share)
    return Fields(rest, settings.subject), said if settings.flag("do_resize", True) else replace(said, crop=None)


def _resize(settings: Fields, family: Preparation) -> Resize | None:
    if isinstance(family.resize, Patches):
        most = settings.count("max_num_patches", family.resize.most)
        return Patches(settings.count("patch_size", family.resize.patch_size), most)
    if isinstance(family.resize, Area):
        cell = settings.count("spatial_factor", family.resize.cell)
        least = settings.count("min_pixels", family.resize.least)
        return Area(cell, least, settings.count("max_pixels", family.resize.most))
    if "size" not in settings:
        return family.resize
    if isinstance(family.resize, LongestEdge):
        return LongestEdge(settings.table("size").count("longest_edge", family.resize.edge))
    if isinstance(settings.values["size"], int):  # files older than 2023: of a side, or of both, as the family has it
        edge = settings.count("size", 1)
        return Squash((edge, edge)) if isinstance(family.resize, Squash) else Shortest(edge)
    size = settings.table("size")
    if "shortest_edge" in size and "longest_edge" not in size:
        return Shortest(size.count("shortest_edge", 1))
    if "height" in size and "width" in size:
        return Squash(settings.size("size", 1))
    raise LoadError(f"size has {sorted(size.values)}, expected shortest_edge or height and width", subject=size.subject)


def _crop(settings: Fields, family: Preparation) -> tuple[int, int] | None:
    if not settings.flag("do_center_crop", family.crop is not None):
        return None
    return settings.size("crop_size", 224) if "crop_size" in settings else family.crop


def _pad(settings: Fields, family: Preparation) -> tuple[int, int] | None:
    if family.pad is None or not settings.flag("do_pad", True):
        return None
    return settings.size("pad_size", family.pad[0]) if "pad_size" in settings else family.pad


def _kernel(settings: Fields, family: Preparation) -> Image.Resampling:
    number = settings.values.get("resample", int(family.kernel))
    if not isinstance(number, int) or number not in list(Image.Resampling):
        raise LoadError(f"resample is {number!r}, expected 0…5, Pillow's kernels", subject=settings.subject)
    return Image.Resampling(number)


def _of_openclip(settings: Fields, family: Preparation) -> Preparation:
    cfg = settings.table("preprocess_cfg")
    side = settings.table("model_cfg").table("vision_cfg").size("image_size", 224)
    size = cfg.size("size", 224) if "size" in cfg else side
    mode, interpolation = cfg.text("resize_mode", "shortest"), cfg.text("interpolation", "bicubic")
    if interpolation not in KERNELS:
        raise LoadError(
            f"interpolation is {interpolation!r}, expected {' or '.join(KERNELS)}", subject=settings.subject
        )
    resize: Resize
    if mode == "squash":
        resize = Squash(size)
    elif mode == "longest":
        resize = Longest(size)
    elif mode == "shortest" and size[0] == size[1]:
        resize = Shortest(size[0])
    else:
        raise LoadError(f"resize_mode is {mode!r} for {size}, which lexel does not know", subject=settings.subject)
    fill = settings.table("preprocess_cfg").values.get("fill_color", 0)
    return Preparation(
        resize,
        crop=None if mode == "squash" else size,
        rounding="even",
        kernel=KERNELS[interpolation],
        fill=fill if isinstance(fill, int) and 0 <= fill <= 255 else 0,
        mean=cfg.three("mean", CLIP_MEAN),
        std=cfg.three("std", CLIP_STD),
    )
