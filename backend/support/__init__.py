"""Support: system information, and a bundle of it for those who help, without secrets."""
