"""The steps: each a plain function, with a Prefect task around it where a flow needs one."""
