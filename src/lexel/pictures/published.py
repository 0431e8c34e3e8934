"""How each published family prepares pictures, where no file beside a checkpoint says otherwise.

    shorter side, then the centre      clip, dinov2, imagenet (ResNet), chameleon, titok, var
    squash                             siglip, vit, dinov3, squashed (PVT, Swin); deit, and then the centre
    whole patches of their own aspect  naflex; whole cells, emu3
    longer side, then a margin         sam
    as it is, if not too large         convolutional (autoencoders), dvae

Each is equal to the image processor of `transformers` that its docstring names, if it names one.
"""

from dataclasses import replace

from PIL import Image

from lexel.pictures.prepare import Area, LongestEdge, Patches, Preparation, Resize, Shortest, Squash, Within

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)


def clip(size: int) -> Preparation:
    """CLIP's own, as `CLIPImageProcessor` has it: shorter side, centre crop, bicubic."""
    return Preparation(Shortest(size), crop=(size, size))


def siglip(size: int) -> Preparation:
    """SigLIP's own, as `SiglipImageProcessor` has it: squash, bicubic, −1…1."""
    return Preparation(Squash((size, size)), mean=HALF, std=HALF)


def naflex(patch_size: int, most: int) -> Preparation:
    """SigLIP 2's NaFlex, as `Siglip2ImageProcessor` has it: whole patches, bilinear, −1…1."""
    return Preparation(Patches(patch_size, most), kernel=Image.Resampling.BILINEAR, mean=HALF, std=HALF)


def vit(size: int) -> Preparation:
    """ViT's own, as `ViTImageProcessor` has it: squash, bilinear, −1…1. Published files may say other numbers."""
    return Preparation(Squash((size, size)), kernel=Image.Resampling.BILINEAR, mean=HALF, std=HALF)


def deit(size: int) -> Preparation:
    """DeiT's own, as `DeiTImageProcessor` has it: squash to 256 for 224, centre crop, bicubic, −1…1."""
    larger = size * 256 // 224
    return Preparation(Squash((larger, larger)), crop=(size, size), mean=HALF, std=HALF)


def dinov2() -> Preparation:
    """DINOv2's own, as `BitImageProcessor` has it with the published settings: shorter side 256, centre 224, bicubic.

    Whatever the model's own size is: the published models were evaluated so.
    """
    return Preparation(Shortest(256), crop=(224, 224), mean=IMAGENET_MEAN, std=IMAGENET_STD)


def dinov3(size: int) -> Preparation:
    """DINOv3's own, as `DINOv3ViTImageProcessor` has it: squash, bilinear, not rounded between."""
    return Preparation(
        Squash((size, size)),
        kernel=Image.Resampling.BILINEAR,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        rounded=False,
    )


def squashed(size: int) -> Preparation:
    """PVT's and Swin's own, as `PvtImageProcessor` and Swin's published files have it: bicubic, ImageNet's mean."""
    return Preparation(Squash((size, size)), mean=IMAGENET_MEAN, std=IMAGENET_STD)


def imagenet(size: int, crop_pct: float = 0.875) -> Preparation:
    """As most networks are judged on ImageNet, and as `ConvNextImageProcessor` of ResNet's files has it.

    Shorter side of `size / crop_pct`, 256 for 224, then the centre; from 384 on all of the picture, squashed.
    """
    resize: Resize = Shortest(int(size / crop_pct)) if size < 384 else Squash((size, size))
    crop = (size, size) if size < 384 else None
    return Preparation(resize, crop, mean=IMAGENET_MEAN, std=IMAGENET_STD)


def dvae(edge: int) -> Preparation:
    """DALL-E's own: at most `edge` pixels a side, whole cells, and levels 0…255 as 0.1…0.9."""
    return replace(convolutional(edge, 8), mean=(-0.125,) * 3, std=(1.25,) * 3)


def emu3(cell: int) -> Preparation:
    """Emu3's own, as `Emu3ImageProcessor` has it: whole cells, 512² to 1024² pixels, bicubic, CLIP's mean."""
    return Preparation(Area(cell, 512**2, 1024**2))


def sam(size: int) -> Preparation:
    """SAM's own, as `SamImageProcessor` has it: longer side, bilinear, ImageNet's mean, zeros up to a square."""
    return Preparation(
        LongestEdge(size),
        kernel=Image.Resampling.BILINEAR,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        pad=(size, size),
    )


def convolutional(edge: int, cell: int) -> Preparation:
    """Autoencoders of any size of picture: at most `edge` pixels a side, whole cells, −1…1.

    Where nothing has to be resized or filled up, as `VaeImageProcessor` of diffusers has it.
    """
    return Preparation(Within(edge), kernel=Image.Resampling.LANCZOS, mean=HALF, std=HALF, multiple=cell)


def chameleon(size: int) -> Preparation:
    """Chameleon's own, as `ChameleonImageProcessor` has it: shorter side, centre, and 0.0078 a level from −1 on."""
    return Preparation(
        Shortest(size),
        crop=(size, size),
        kernel=Image.Resampling.LANCZOS,
        scale=0.0078,
        mean=(1.0, 1.0, 1.0),
        std=(1.0, 1.0, 1.0),
    )


def titok(size: int) -> Preparation:
    """TiTok's own, as its evaluation has it: shorter side, then the centre, bicubic, 0…1."""
    return Preparation(Shortest(size), (size, size), rounding="even", mean=(0.0,) * 3, std=(1.0,) * 3)


def var(size: int) -> Preparation:
    """VAR's: shorter side, then the centre, −1…1. Its evaluation makes the shorter side 1.125 times as long first."""
    return Preparation(
        Shortest(size), (size, size), rounding="even", kernel=Image.Resampling.LANCZOS, mean=HALF, std=HALF
    )
