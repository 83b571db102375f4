"""Schedules: jobs that are submitted at times of a cron expression."""
