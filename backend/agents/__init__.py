"""The agents process: it answers conversations with a language model and the pod's tools."""
