"""Jobs as YAML files: what is put into `$WORKSPACE/jobs/processing` is queued and runs."""
