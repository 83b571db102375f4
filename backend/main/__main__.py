"""`python -m backend.main`: start the control plane."""

import gc
import sys

if __name__ == "__main__":
    # While the modules load nothing becomes garbage, and looking for it takes 0.2 s.
    gc.disable()
    # structlog loads rich if it finds it, for tracebacks that we print plain: 0.1 s and 4 MB.
    sys.modules["rich"] = None  # type: ignore[assignment] # None means: there is no such module
    from backend.main.start import main

    gc.enable()
    sys.exit(main())
