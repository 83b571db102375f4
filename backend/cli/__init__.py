"""The command line, `comfypod`: it uses the API as any other program does."""
