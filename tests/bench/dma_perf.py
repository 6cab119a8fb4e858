# SPDX-License-Identifier: BSD-3-Clause
"""uvdk-dma-perf on the model of DSA: copies beside the CPU's own, and the caller's instructions."""

import json
import pathlib
import re
import subprocess
import tempfile

SIZES = "64,262144,64,MUL"  # 64, 4096, 262144
SECONDS = "0.1"
INSTR_SIZE = 1024
BURSTS_COUNTED = 256  # worker_count.c
CASES = [(batch, channels) for batch in (1, 32) for channels in (1, 2)]
COUNTED = ("counted_burst", "counted_poll")
PORTAL = "uvdk_region_write"  # MOVDIR64B on hardware: one instruction


def _case(name, kind, size, batch, channels):
    lines = [f"[{name}]", f"type={kind}", "mem_size=1", f"buf_size={size}", f"channels={channels}"]
    if kind == "DMA_MEM_COPY":
        lines += ["dma_ring_size=256", f"kick_batch={batch}"]
    return "\n".join(lines) + "\n"


def _sweep():
    text = "".join(_case(f"b{batch} c{channels}", "DMA_MEM_COPY", SIZES, batch, channels)
                   for batch, channels in CASES)
    return text + "".join(_case(f"cpu c{n}", "CPU_MEM_COPY", SIZES, 1, n) for n in (1, 2))


def _run(command):
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(command)} ended with status {done.returncode}:\n{done.stdout}")


def ratios(program, svg):
    """{(batch, channels, size): (Mops by DMA, by as many CPUs)}; draws them."""
    with tempfile.TemporaryDirectory() as folder:
        config, out = pathlib.Path(folder, "sweep.ini"), pathlib.Path(folder, "out.json")
        config.write_text(_sweep())
        _run([program, "--config", str(config), "--seconds", SECONDS, "--json", str(out), "--svg", str(svg)])
        cases = json.loads(out.read_text())["cases"]
    mops = {(case["name"], one["buf_size"]): one["mops"] for case in cases for one in case["scenarios"]}
    return {(batch, channels, size): (mops[f"b{batch} c{channels}", size], mops[f"cpu c{channels}", size])
            for batch, channels in CASES for size in sorted({size for _, size in mops})}


def _inclusive(profile, function):
    """Instructions in all calls of a function, as a callgrind file has them."""
    names, total, callee, expects = {}, 0, None, False
    for line in profile.splitlines():
        name = re.match(r"c?fn=\((\d+)\)(?: (.*))?$", line)
        if name:
            number, text = name.groups()
            if text:
                names[number] = text
            if line.startswith("c"):
                callee = names[number]
        elif line.startswith("calls="):
            expects = True
        elif expects:
            total += int(line.split()[-1]) if callee == function else 0
            expects = False
    return total


def instructions(program, batch, channels):
    """A copy: enqueued, submitted, polled; without what the model does when it is given a descriptor."""
    with tempfile.TemporaryDirectory() as folder:
        config, out = pathlib.Path(folder, "one.ini"), pathlib.Path(folder, "profile")
        config.write_text(_case("one", "DMA_MEM_COPY", INSTR_SIZE, batch, channels))
        _run(["valgrind", "--tool=callgrind", "--collect-atstart=no", f"--callgrind-out-file={out}",
              *(f"--toggle-collect={name}" for name in COUNTED),
              program, "--config", str(config), "--seconds", "0.001", "--instructions"])
        profile = out.read_text()
    total = int(re.search(r"^(?:summary|totals): (\d+)", profile, re.M).group(1))
    return (total - _inclusive(profile, PORTAL)) / (BURSTS_COUNTED * batch * channels)
