"""Templates: workflows with named inputs, from every place where a pod has workflows."""
