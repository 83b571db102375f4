"""`python -m backend.main`: start the control plane."""

import gc
import sys

if __name__ == "__main__":
    # While the modules load nothing becomes garbage, and looking for it takes 0.2 s.
    gc.disable()
    from backend.main.start import main

    gc.enable()
    sys.exit(main())
