DROP INDEX ingress.run_open;
