"""Programs that benchmarks compare assay with: each fetched beside the project, used unmodified, never copied."""
