"""The files that operators take: alerts, dashboard, container, manifests, runbooks. What they name is really there."""
