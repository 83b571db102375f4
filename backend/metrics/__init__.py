"""`/metrics`: jobs, downloads, GPU, tools and HTTP latencies for Prometheus."""
