"""Support: system information, and the support bundle, which contains no secrets."""
