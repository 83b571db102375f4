"""GPU, CPU, memory, disk, the services and their logs."""
