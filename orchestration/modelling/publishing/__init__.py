"""Published tables: from the warehouse into files of the lake (footfall.published), only what changed."""
