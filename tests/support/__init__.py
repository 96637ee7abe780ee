"""What several tests share: scenarios in layers and drawn ones, worlds on shards, laws, processes."""
