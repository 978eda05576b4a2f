"""The collector for restic repositories, and the jobs that back up into them."""
