-- Runs that take orders: looked through when someone leaves the workspace.
CREATE INDEX run_open ON ingress.run (workspace_id) WHERE status = 1;
