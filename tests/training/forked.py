"""Runs in processes of their own, alone or together, each killed at its moment. Every process is a fork of one."""

import json
import os
import subprocess
import sys

import torch

RUN = """
import importlib, json, os, signal, sys
from pathlib import Path
sys.path.insert(0, "tests")
import torch
from training.tasks import Notes
from lexel.training.trainer import train

module, _, name = sys.argv[1].partition(":")
make = getattr(importlib.import_module(module), name)
events = 0

def counted(step, moment):
    def run(*arguments, **settings):
        global events
        events += 1
        if events == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*arguments, **settings)
    return run

class Log(Notes):
    def __init__(self, path):
        super().__init__()
        self.path = path
    def step(self, step, losses, facts):
        with open(self.path, "a") as file:
            file.write(json.dumps([step, losses["loss"]]) + "\\n")

def run(folder, moment, rank, world, dropout):
    folder = Path(folder)
    if world > 1:
        how = {"init_method": f"file://{folder}.meet", "rank": rank, "world_size": world}
        torch.distributed.init_process_group("gloo", **how)
    task, loader, settings = make(rank, world, dropout)
    os.fsync, Path.replace, Log.step = (counted(f, moment) for f in (os.fsync, Path.replace, Log.step))
    task.gradients = counted(task.gradients, moment)
    train(task, loader, settings, folder, Log(folder.with_suffix(f".{rank}.log")))
    torch.save(task.module.state_dict(), folder.with_suffix(f".{rank}.pt"))
    if world > 1:
        torch.distributed.destroy_process_group()
    folder.with_suffix(".events").write_text(str(events))

# What takes seconds is imported once, on one thread: every run is a fork of this process.
torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))]).zero_grad()
for group in json.loads(sys.argv[2]):
    children = []
    for arguments in group:
        child = os.fork()
        if not child:
            run(*arguments)
            os._exit(0)
        children.append(child)
    print(*(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
"""


def processes(make, *groups):
    """Run groups of (folder, moment of death, rank, world, dropout), each group at once; their exit statuses.

    make   "module:function" of rank, world and dropout → task, loader, settings
    """
    said = json.dumps([[(str(folder), *rest) for folder, *rest in group] for group in groups])
    one = {**os.environ, "OMP_NUM_THREADS": "1"}  # threads of tiny products wait for each other
    command = [sys.executable, "-c", RUN, make, said]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=one)
    return [[int(status) for status in line.split()] for line in ran.stdout.splitlines()]


def losses(folder, rank=0):
    """The loss of each step that a process wrote down."""
    lines = folder.with_suffix(f".{rank}.log").read_text().splitlines()
    return dict(json.loads(line) for line in lines)


def weights(folder, rank=0):
    """What a process ended with."""
    return torch.load(folder.with_suffix(f".{rank}.pt"), weights_only=True)
