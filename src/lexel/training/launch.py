"""One process or many: where torchrun started this one it joins the others, each on a device of its own.

lexel train mymodel                                        alone
torchrun --nproc-per-node 8 --no-python lexel train mymodel    eight, with one eighth of each batch
"""

from collections.abc import Iterator
from contextlib import contextmanager

from lexel.loading.load import device_of
from lexel.needs import torch


@contextmanager
def joined(name: str) -> Iterator[torch.device]:
    """The device of this process, "auto" or a name of torch's, while it is one of those that train together."""
    device, group = device_of(name), torch.distributed
    if not (group.is_available() and group.is_torchelastic_launched()):
        yield device
        return
    if device.type != "cpu":
        device = torch.device(device.type, group.get_node_local_rank(fallback_rank=0))
        torch.accelerator.set_device_index(device)
    group.init_process_group()
    try:
        yield device
    finally:
        group.destroy_process_group()
