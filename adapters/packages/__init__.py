"""Write the files of packages: CSV, OpenTimelineIO and edit decision lists."""
