"""Records of a campaign, frozen and pure: what every other room hands around."""
