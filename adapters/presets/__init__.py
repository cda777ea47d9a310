"""Read finish templates, placement presets and brand kits from YAML: the shipped ones and those of users."""
