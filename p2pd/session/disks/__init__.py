"""What sessions know of disks: devices, room, memory, checks, and data that is not there."""
