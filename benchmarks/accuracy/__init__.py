"""Detection figures on collections of recordings and tables, by the files a device would run."""
