"""Applies the steps of a provisioning document that the pod itself needs: packages, nodes, variables."""
