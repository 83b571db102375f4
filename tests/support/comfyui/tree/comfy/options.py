"""Whether importing `comfy.cli_args` reads the command line."""

args_parsing = False


def enable_args_parsing() -> None:
    global args_parsing
    args_parsing = True
