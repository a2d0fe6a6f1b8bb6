"""What the numbers were measured on, in one line."""

import os
import platform


def description(work):
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    with open("/proc/cpuinfo") as lines:
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")
    with open("/proc/mounts") as lines:
        holds = [line.split() for line in lines if str(work).startswith(line.split()[1])]
    kind = max(holds, key=lambda mount: len(mount[1]))[2]
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GB of memory, {kind}, Linux {platform.release()}"
