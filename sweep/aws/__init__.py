"""What `ray up cluster.yaml` sets up in an AWS account, and how machines are bought there."""
