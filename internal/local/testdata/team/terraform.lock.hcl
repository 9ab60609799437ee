# hashes of another machine's provider
