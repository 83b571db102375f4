"""The agents process: answers the user with a language model and the pod's tools."""
