"""What a run leaves behind: its files, its tables on the screen, its verdicts, and how two runs differ."""
