"""An archive of files on several computers, through Ray; see docs/cluster.md."""
