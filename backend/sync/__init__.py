"""Cloud sync: copies outputs and saved workflows to S3-compatible storage, and back to a new pod, with rclone."""
