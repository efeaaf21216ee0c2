#!/usr/bin/python3
"""Puts GRUB's first two stages on a disk image that has a GPT with a BIOS boot partition.

usage: boot.py DISK boot.img core.img FIRST-SECTOR

The first sector loads core.img from FIRST-SECTOR; the first sector of core.img says where the rest of it is. grub-bios-setup
does the same, but wants a block device.
"""
import struct
import sys

SECTOR = 512
KERNEL_SECTOR = 0x5C      # in boot.img: where core.img begins
BLOCKLIST = SECTOR - 12   # in core.img's first sector: where the rest begins (u64), how long it is (u16), where it goes (u16)
CODE_END = 440            # behind it: disk signature and partition table, which stay


def main():
    disk, boot_path, core_path, first = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    with open(boot_path, "rb") as f:
        boot = bytearray(f.read(SECTOR))
    with open(core_path, "rb") as f:
        core = bytearray(f.read())
    struct.pack_into("<Q", boot, KERNEL_SECTOR, first)
    _, length, _ = struct.unpack_from("<QHH", core, BLOCKLIST)
    rest = -(-len(core) // SECTOR) - 1
    if length != rest:
        sys.exit(f"{core_path}: its block list speaks of {length} sectors, it has {rest}")
    if len(core) > 1 << 20:
        sys.exit(f"{core_path}: {len(core)} bytes do not fit into the boot partition")
    struct.pack_into("<Q", core, BLOCKLIST, first + 1)
    with open(disk, "r+b") as f:
        f.write(boot[:CODE_END])
        f.seek(first * SECTOR)
        f.write(core)


if __name__ == "__main__":
    main()
