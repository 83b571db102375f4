#!/usr/bin/env bash
# To be sourced. Puts the tests' temporary files into memory where there is enough of it: the control plane syncs every
# change to disk, and waiting for that takes half of the tests' time.
memory=/dev/shm
if [[ -w $memory ]] && (($(df --output=avail --block-size=1G "$memory" | tail -n 1) >= 8)); then
    export PYTEST_DEBUG_TEMPROOT=$memory
fi
